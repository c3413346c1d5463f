#!/usr/bin/env bash
# Builds the release preset's ndarray_bench and runs it beside NumPy and dask.array, which are installed into build/array-venv.
# --threads and --dask: the array in blocks instead, with two threads beside one, and beside dask.array.
# Options go to compare.py: --threads, --dask, --sizes, --types, --only (once for each case), --rounds.
set -euo pipefail
cd "$(dirname "$0")/../.."
[[ -f build/release/build.ninja ]] || cmake --preset release
cmake --build --preset release -t ndarray_bench blocks_bench
tests/support/install_from_pypi.sh python3 build/array-venv "numpy==2.4.6" "dask[array]==2026.8.0"
exec build/array-venv/bin/python benchmarks/array/compare.py build/release/benchmarks/array/ndarray_bench "$@"
