#!/usr/bin/env bash
# install_schemathesis.sh PYTHON DIRECTORY: a virtual environment with the program that tests the API by its contract.
set -euo pipefail
python=$1
venv=$2
[[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
"$venv/bin/python" -c 'import schemathesis; assert schemathesis.__version__.startswith("4.")' 2> /dev/null ||
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'schemathesis>=4.0,<5'
