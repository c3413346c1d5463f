#!/usr/bin/env bash
# Builds Troupe and runs its tests. Everything it makes lies under build/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'END'
Usage: scripts/test.sh [--full] [--jobs N]

Installs what is missing (scripts/bootstrap.sh), builds the dev preset in build/dev and runs the unit, simulation,
integration and layer tests.

  --full     also: the package tests; clang-format, clang-tidy; the tests under AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer; the
             fuzz targets, their corpora and a minute of search each
  --jobs N   compile and test N at a time (default: one for each processor, at most one for 3 GiB of memory)
  --help     this text

The exit code is 0 only if all passed.
END
}

full=false
jobs=
while [[ $# -gt 0 ]]; do
  case "$1" in
    --full) full=true ;;
    --jobs) jobs=${2:?--jobs wants a number}; shift ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done

default_jobs() {
  local memory_gib processors
  memory_gib=$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
  processors=$(nproc)
  echo $((memory_gib / 3 < 1 ? 1 : memory_gib / 3 < processors ? memory_gib / 3 : processors))
}

say() { printf '\n== %s (%dm%02ds)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

build() {  # preset [cmake arguments]
  local preset=$1
  shift
  say "build $preset"
  cmake --preset "$preset" "$@" -Wno-dev > /dev/null
  cmake --build --preset "$preset" -j "$jobs"
}

failed=()
run_tests() {  # preset [ctest arguments]
  say "test $*"
  ctest --preset "$@" -j 1 || failed+=("$*")
}

scripts/bootstrap.sh
jobs=${jobs:-$(default_jobs)}

build dev
if $full; then
  say "clang-format"
  scripts/check_format.sh || failed+=("clang-format")
  say "clang-tidy"
  scripts/check_tidy.sh build/dev || failed+=("clang-tidy")
  for preset in asan tsan fuzz; do
    build "$preset"
    run_tests "$preset"
  done
fi
if $full; then
  run_tests dev
else
  run_tests dev -LE package
fi

if [[ ${#failed[@]} -gt 0 ]]; then
  $full && printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
