#!/usr/bin/env bash
# install_from_pypi.sh PYTHON DIRECTORY REQUIREMENT...: a virtual environment with these packages, unless it is there.
set -euo pipefail
python=$1
venv=$2
shift 2
wanted=$(printf '%s\n' "$@")
[[ -f $venv/installed && $(< "$venv/installed") == "$wanted" ]] && exit 0
"$python" -m venv --clear "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
printf '%s' "$wanted" > "$venv/installed"
