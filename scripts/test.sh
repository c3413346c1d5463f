#!/usr/bin/env bash
# Builds Troupe and runs its tests. Everything it makes lies under build/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly default_steps=(format dev)
readonly full_steps=(format dev package browser simulation mutants tidy fuzz asan tsan chaos soak)

usage() {
  cat <<'END'
Usage: scripts/test.sh [--full] [--only STEP]... [--seconds N] [--seed N] [--jobs N]

Installs what is missing (scripts/bootstrap.sh), checks the format of the sources (clang-format), builds the dev preset
in build/dev, where a warning is an error, and runs the unit, simulation, integration and layer tests.

  --full       all steps: also the package tests; the dashboard, driven in Chromium; 20,000 simulated histories, and
               1,000 of them twice; bugs planted in the core, which the simulation has to notice; clang-tidy; a search with each fuzz target; the tests under AddressSanitizer
               with UndefinedBehaviorSanitizer, and under ThreadSanitizer; the chaos run (real processes, and faults all
               the time); the soak runs (real processes for long, and none may grow; ten million tasks at once, with
               8 GiB of memory)
  --only STEP  this step instead: format dev package browser simulation mutants tidy fuzz asan tsan chaos soak; may be
               given several times
  --seconds N  length of the chaos run and of the soak run (default: 300), and of the search with each fuzz target
               (default: 60)
  --seed N     of the chaos run and of the soak run (default: 1)
  --jobs N     compile N files at a time (default: one for each processor, at most one for 3 GiB of memory)
  --help       this text

The exit code is 0 only if all passed.
END
}

wanted=()
jobs=
seconds=
while [[ $# -gt 0 ]]; do
  case "$1" in
    --full) wanted=("${full_steps[@]}") ;;
    --only | --seconds | --seed | --jobs)
      [[ $# -gt 1 ]] || { echo "test: $1 wants a value" >&2; exit 2; }
      case "$1" in
        --only) wanted+=("$2") ;;
        --seconds) seconds=$2; export TROUPE_CHAOS_SECONDS=$2 ;;
        --seed) export TROUPE_CHAOS_SEED=$2 ;;
        --jobs) jobs=$2 ;;
      esac
      shift
      ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[[ ${#wanted[@]} -gt 0 ]] || wanted=("${default_steps[@]}")
for step in "${wanted[@]}"; do
  [[ " ${full_steps[*]} " == *" $step "* ]] || { echo "test: there is no step '$step'" >&2; exit 2; }
done

default_jobs() {
  local memory_gib processors
  memory_gib=$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
  processors=$(nproc)
  echo $((memory_gib / 3 < 1 ? 1 : memory_gib / 3 < processors ? memory_gib / 3 : processors))
}

say() { printf '\n== %s (%dm%02ds)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

build() {  # preset [cmake arguments]
  say "build $1"
  cmake --preset "$@" -DTROUPE_WERROR=ON -Wno-dev > /dev/null
  cmake --build --preset "$1" -j "$jobs"
}

failed=()
check() {  # name command...
  say "$1"
  "${@:2}" || failed+=("$1")
}
run_tests() {  # preset [ctest arguments]
  check "test $*" ctest --preset "$@" -j 1
}

run_step() {
  case "$1" in
    format) check "clang-format" scripts/check_format.sh ;;
    dev) build dev; run_tests dev -LE package ;;
    simulation)
      build dev
      check "20,000 histories" env TROUPE_SEEDS=20000 TROUPE_TWICE=1000 build/dev/tests/simulation/simulation_test \
        --gtest_filter='Simulation.EveryHistory*:Simulation.TheSameSeed*'
      ;;
    package) build dev; run_tests package ;;
    tidy) build dev; check "clang-tidy" scripts/check_tidy.sh build/dev ;;
    fuzz) build fuzz -DTROUPE_FUZZ_SECONDS="${seconds:-60}"; run_tests fuzz ;;
    asan) build asan; run_tests asan ;;
    tsan) build tsan -DTROUPE_CAF_SOURCE="$(scripts/caf_source.sh)"; run_tests tsan ;;
    browser | mutants | chaos | soak) build dev; run_tests "$1" ;;
  esac
}

packages=()
[[ " ${wanted[*]} " != *" browser "* ]] || packages=(--browser)
scripts/bootstrap.sh "${packages[@]}"
jobs=${jobs:-$(default_jobs)}
for step in "${wanted[@]}"; do run_step "$step"; done

if [[ ${#failed[@]} -gt 0 ]]; then
  printf 'failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
