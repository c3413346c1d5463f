#!/usr/bin/env bash
# Checks that an archive decides and nothing more: no clock, no dice, no thread, no socket, no file, and no library that
# brings them, among its symbols.
#
#   check_purity.sh ARCHIVE [NM]               prints each symbol that may not be there
#   check_purity.sh --self-test ARCHIVE [NM]   ARCHIVE (made from impure.cpp) breaks every rule: each must be noticed
set -euo pipefail

# Called from elsewhere: name of the rule, extended regular expression of the whole demangled undefined symbol.
readonly called=(
  'clock'    'std::chrono::.*::now\(\)|clock_gettime|gettimeofday|time|clock|nanosleep|usleep|sleep|timer.*'
  'random'   'std::random_device::.*|s?rand(om)?(_r)?|[de]rand48|getrandom|getentropy|arc4random.*'
  'thread'   'std::(jthread|thread|this_thread|condition_variable.*|__future_base|call_once).*|pthread_(create|mutex|cond|rwlock).*|fork|vfork|posix_spawn.*|sem_.*'
  'socket'   'socket(pair)?|connect|bind|listen|accept4?|(send|recv)(to|from|msg|mmsg)?|getaddrinfo|epoll_.*|poll|select|io_uring.*'
  'file'     'std::(basic_)?[io]?(file|f)stream.*|std::filesystem::.*|f?open(at|64|dir)?|fopen64|open(at)?64|f?(read|write)|p(read|write)(v|64)?|mmap(64)?|getenv|std::c(out|in|err|log)|printf|puts'
)
# Of whatever kind, ours or theirs.
readonly libraries=(
  'CAF'      'caf::'
  'Asio'     'boost::'
  'capnp'    '(capnp|kj)::'
  'OpenSSL'  '(EVP|SSL|HMAC|BIO|ERR)_'
)

self_test=false
if [[ ${1:-} == --self-test ]]; then
  self_test=true
  shift
fi
archive=${1:?usage: check_purity.sh [--self-test] ARCHIVE [NM]}
nm=${2:-nm}

# `nm` gives [address] type name; names have spaces once demangled.
symbols=$("$nm" -C "$archive")
undefined=$(sed -nE 's/^ +[Uw] (.*)$/\1/p' <<< "$symbols" | sort -u)
all=$(sed -nE 's/^[0-9a-f ]* [A-Za-z] (.*)$/\1/p' <<< "$symbols" | sort -u)
[[ -n $all ]] || { echo "check_purity: $archive has no symbols" >&2; exit 2; }

found=0
broken=()
report() {  # rule, symbols
  [[ -n $2 ]] || return 0
  broken+=("$1")
  found=$((found + $(wc -l <<< "$2")))
  sed "s/^/$1: /" <<< "$2"
}
for ((i = 0; i < ${#called[@]}; i += 2)); do
  # A parameter list, a version (@GLIBC_2.2) and a clone's suffix may follow the name.
  report "${called[i]}" "$(grep -E "^(${called[i + 1]})(\(.*\).*)?(@.*)?$" <<< "$undefined" || true)"
done
for ((i = 0; i < ${#libraries[@]}; i += 2)); do
  report "${libraries[i]}" "$(grep -E "(^|[^A-Za-z_:])${libraries[i + 1]}" <<< "$all" || true)"
done

if $self_test; then
  expected=()
  for ((i = 0; i < ${#called[@]}; i += 2)); do expected+=("${called[i]}"); done
  for ((i = 0; i < ${#libraries[@]}; i += 2)); do expected+=("${libraries[i]}"); done
  if [[ "${broken[*]}" != "${expected[*]}" ]]; then
    echo "check_purity: noticed only ${broken[*]:-nothing} of ${expected[*]}" >&2
    exit 1
  fi
  echo "each planted symbol was noticed"
elif ((found > 0)); then
  echo "check_purity: $found symbols in $archive that code which only decides may not use" >&2
  exit 1
else
  echo "$(wc -l <<< "$all") symbols in ${archive##*/}, none of them impure"
fi
