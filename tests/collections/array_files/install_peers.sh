#!/usr/bin/env bash
# install_peers.sh PYTHON VENV: the Python packages that array files are compared with, unless they are there.
set -euo pipefail
python=$1
venv=$2
packages=(numpy==2.4.6 zarr==3.1.6 h5py==3.16.0 pillow==12.0.0 dask[array]==2026.8.0)
wanted="${packages[*]}"
[[ -f $venv/installed && $(< "$venv/installed") == "$wanted" ]] && exit 0
"$python" -m venv --clear "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
printf '%s' "$wanted" > "$venv/installed"
