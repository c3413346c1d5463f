#!/usr/bin/env bash
# Builds the release preset's ndarray_bench and runs it beside NumPy, which is installed into build/compare-venv.
# Options go to compare.py: --sizes, --types, --only, --rounds.
set -euo pipefail
cd "$(dirname "$0")/../.."
[[ -f build/release/build.ninja ]] || cmake --preset release
cmake --build --preset release -t ndarray_bench
tests/collections/ndarray/install_numpy.sh python3 build/compare-venv
exec build/compare-venv/bin/python benchmarks/array/compare.py build/release/benchmarks/array/ndarray_bench "$@"
