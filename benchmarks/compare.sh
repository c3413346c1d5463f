#!/usr/bin/env bash
# Compares Troupe with Dask distributed, Ray and HyperQueue, and with what the machine allows (benchmarks/floor).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'END'
Usage: benchmarks/compare.sh [--seconds N] [--runs N] [--systems LIST] [--workloads LIST] [-o markdown|json]

Builds the release preset, installs the other systems from PyPI into build/compare-venv, runs all on the same shapes on
this machine, over loopback, and prints figures and ratios. Takes about 20 minutes; nothing else should run meanwhile.

  --seconds N        time for each workload of each other system (default: 60); they get as many tasks as fit
  --runs N           how often our own workloads and the floor are run; the median counts (default: 3)
  --systems LIST     of troupe,dask,ray,hyperqueue (default: all); the floor is always run
  --workloads LIST   of empty,submit-loop,merge,tree,chain,submit-one,in-process,memory,scaling,
                     transfer, and graphs, which are fixed graphs of Dask's collections and the
                     patterns of Task Bench, with METG(50 %) (default: all)
  -o, --output       markdown (default) or json
  --help             this text
END
}

systems=troupe,dask,ray,hyperqueue
arguments=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --systems) systems=${2:?--systems wants a list}; arguments+=("$1" "$2"); shift ;;
    --seconds | --runs | --workloads | -o | --output) arguments+=("$1" "${2:?$1 wants a value}"); shift ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

{  # what is printed on standard output is the result alone
  scripts/bootstrap.sh
  targets=(floor)
  [[ ,$systems, != *,troupe,* ]] || targets+=(troupe)
  cmake --preset release -Wno-dev > /dev/null
  cmake --build --preset release --target "${targets[@]}"

  venv=build/compare-venv
  [[ -x $venv/bin/python ]] || python3 -m venv "$venv"
  packages=(psutil "dask[array,bag,dataframe]" xarray)  # the graphs are made by Dask's collections
  for system in ${systems//,/ }; do
    case "$system" in
      troupe) ;;
      dask) packages+=(distributed) ;;
      ray | hyperqueue) packages+=("$system") ;;
      *) echo "compare: no system called $system" >&2; exit 2 ;;
    esac
  done
  "$venv/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}"
} >&2

exec "$venv/bin/python" benchmarks/compare/compare.py --troupe build/release/troupe \
  --floor build/release/benchmarks/floor/floor --python "$venv/bin/python" "${arguments[@]}"
