#!/usr/bin/env bash
# install_numpy.sh PYTHON DIRECTORY: a virtual environment with the NumPy that results are compared with.
set -euo pipefail
python=$1
venv=$2
[[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
"$venv/bin/python" -c 'import numpy; assert numpy.__version__.startswith("2.")' 2> /dev/null ||
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'numpy>=2.1,<3'
