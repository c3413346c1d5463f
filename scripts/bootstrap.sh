#!/usr/bin/env bash
# Installs the Debian 12 packages that Troupe is built, tested and measured with, as far as they are missing.
# Nothing else: no file outside the package system is touched. This is the one list of packages.
set -euo pipefail

readonly toolchain=(
  g++ cmake ninja-build ccache mold pkg-config binutils git
)
readonly libraries=(
  libcaf-dev                                            # actors
  capnproto libcapnp-dev                                # wire format
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev   # network, HTTP, JSON, TLS
  prometheus-cpp-dev                                    # metrics
  libcli11-dev libyaml-cpp-dev libspdlog-dev libfmt-dev # command line, configuration, logs, text
  libexpected-dev                                       # errors
  libzstd-dev liblz4-dev libxxhash-dev zlib1g-dev libbz2-dev liblzma-dev   # compression, checksums
  libsnappy-dev libavro-dev                             # Avro files
  libsimdjson-dev                                       # checks UTF-8
  libhwy-dev libsleef-dev libopenblas-pthread-dev liblapacke-dev  # loops, functions and linear algebra of arrays
  libhdf5-dev libblosc-dev libpng-dev libjpeg62-turbo-dev   # files of arrays
  libdw-dev                                             # names of functions in stacks
  libjemalloc-dev
)
readonly testing=(
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
  gzip bzip2 xz-utils zstd                              # what compressed files of tests are made with
  libtbb-dev                                            # what benchmarks/local measures itself against
  prometheus                                            # scrapes us; promtool, which checks our metrics
  tmux                                                  # a terminal for `troupe top`
  clang-format-14 clang-tidy-19 clang-14 libclang-rt-14-dev
  python3 python3-venv curl
)
readonly demo=(
  linux-doc                                             # the text that the demo counts, when none is named
)

browser=(
  chromium                                              # what the tests of the dashboard drive
)
# Node from elsewhere brings an npm of its own, which Debian's would push out.
command -v npm > /dev/null || browser+=(nodejs npm)

usage() {
  cat <<'END'
Usage: scripts/bootstrap.sh [--demo] [--browser] [--list]

Installs with apt what is missing to build and test Troupe on Debian 12, and nothing else. As root, or through sudo.

  --demo     also what scripts/demo.sh counts by default (linux-doc)
  --browser  also what the tests of the dashboard need (Chromium, Node)
  --list     print the packages, install nothing
  --help     this text
END
}

die() { echo "bootstrap: $*" >&2; exit 1; }

wanted=("${toolchain[@]}" "${libraries[@]}" "${testing[@]}")
list=false
for argument in "$@"; do
  case "$argument" in
    --demo) wanted+=("${demo[@]}") ;;
    --browser) wanted+=("${browser[@]}") ;;
    --list) list=true ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

if $list; then
  printf '%s\n' "${wanted[@]}"
  exit 0
fi

command -v dpkg-query > /dev/null || die "this is not a Debian system; install by hand: ${wanted[*]}"

missing=()
# One question about all packages; the answer leaves out those never heard of.
installed=$({ dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2> /dev/null || true; } | sed -n 's/^installed //p')
for package in "${wanted[@]}"; do
  grep -qxF "$package" <<< "$installed" || missing+=("$package")
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $EUID -ne 0 ]]; then
  command -v sudo > /dev/null || die "run as root, or install sudo; missing: ${missing[*]}"
  as_root=(sudo)
fi

echo "bootstrap: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "${as_root[@]}" apt-get update -q > "$log" 2>&1 || ! "${install[@]}" "${missing[@]}" >> "$log" 2>&1; then
  tail -n 20 "$log" >&2
  die "apt could not install them; the last lines it printed are above"
fi
