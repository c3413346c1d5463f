#!/usr/bin/env bash
# Counts the words of a tree of text files on a small cluster of this machine, from nothing to the answer.
set -euo pipefail

usage() {
  cat <<'END'
Usage: scripts/demo.sh [PATH...]

Says where the dashboard is going to be, installs what is missing, builds Troupe, starts a scheduler and two worker
processes on free ports of this machine, prints a link to the dashboard, counts how often each word occurs in the files
below each PATH, prints the twenty most frequent words and the throughput; computes, with arrays, how much a byte of
these files tells of the next ones; prints the metrics addresses, and stops all it started. Without PATH it reads the
documentation of the Linux kernel, the package linux-doc, which it installs.

  --top N    print the N most frequent words (default: 20)
  --keep     leave the cluster up until Ctrl-C, to be looked at
  --help     this text

The exit code is that of the first of `troupe demo wordcount` and `troupe demo entropy` that fails.
END
}

die() { echo "demo: $*" >&2; exit 1; }
say() { [[ -t 1 ]] && printf '\033[1m%s\033[0m\n' "$*" || printf '%s\n' "$*"; }

top=20
keep=false
paths=()
while [[ $# -gt 0 ]]; do
  case "$1" in
    --help | -h) usage; exit 0 ;;
    --top) top=${2:?--top wants a number}; shift ;;
    --keep) keep=true ;;
    --) shift; paths+=("$@"); break ;;
    -*) usage >&2; exit 2 ;;
    *) paths+=("$1") ;;
  esac
  shift
done
for i in "${!paths[@]}"; do
  [[ -e ${paths[i]} ]] || die "no such file or directory: ${paths[i]}"
  paths[i]=$(realpath "${paths[i]}")
done
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The dashboard's usual port, or another one that nobody listens at.
port=8787
while (: > "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do port=$((20000 + RANDOM % 10000)); done
say "The dashboard is going to be at http://127.0.0.1:$port; the link that lets you in comes when it is there"

started=()   # process ids, scheduler first
directory=
# Stops only what was started here, the workers first; a second signal is not needed, but nothing is left behind either.
stop_all() {
  local i pid
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do kill -TERM "${started[i]}" 2> /dev/null || true; done
  for _ in {1..100}; do
    local running=false
    for pid in "${started[@]}"; do ! kill -0 "$pid" 2> /dev/null || running=true; done
    $running || break
    sleep 0.1
  done
  for pid in "${started[@]}"; do kill -KILL "$pid" 2> /dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2> /dev/null || true; done
  started=()
  [[ -z $directory ]] || rm -rf "$directory"
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [[ ${#paths[@]} -eq 0 ]]; then
  scripts/bootstrap.sh --demo
  # linux-doc is the name of the newest linux-doc-X.Y; its own directory is a link to the files of that one.
  sources=(/usr/share/doc/linux-doc-[0-9]*/html/_sources)
  [[ -d ${sources[-1]} ]] || die "the package linux-doc has no html/_sources; name a PATH instead"
  paths=("${sources[-1]}")
else
  scripts/bootstrap.sh
fi

say "Building"
cmake --preset release -Wno-dev > /dev/null
cmake --build --preset release --target troupe
troupe=$PWD/build/release/troupe

directory=$(mktemp -d "${TMPDIR:-/tmp}/troupe-demo.XXXXXX")
# Everything below finds the scheduler, and is let in, by this file alone.
export TROUPE_ACCESS_FILE=$directory/access.json

# Starts a troupe process and waits until it has printed the line that says it is ready.
start() {  # name arguments...
  local name=$1 tries=600
  shift
  "$troupe" "$@" -o json > "$directory/$name.ready" 2> "$directory/$name.log" &
  started+=($!)
  until [[ -s $directory/$name.ready ]]; do
    if ((--tries == 0)) || ! kill -0 "${started[-1]}" 2> /dev/null; then
      tail -n 20 "$directory/$name.log" >&2
      die "the $name did not start; the last lines it printed are above"
    fi
    sleep 0.1
  done
}

start scheduler scheduler --port 0 --dashboard-address "127.0.0.1:$port" --history "$directory/history"
say "Dashboard: $(sed -nE 's|.*"dashboard":"([^"]+)".*|\1|p' "$directory/scheduler.ready")"
say "Starting two workers"
for i in 1 2; do
  TROUPE__WORKER__NANNY=false start "worker $i" worker --name "demo-$i" --nthreads 1 --http-port 0
done

say "Counting the words below ${paths[*]}"
code=0
"$troupe" demo wordcount "${paths[@]}" --top "$top" || code=$?
if ((code == 0)); then
  echo
  say "How much a byte of these files tells of the next ones"
  "$troupe" demo entropy "${paths[@]}" || code=$?
fi

printf '\nMetrics, as long as this runs:\n'
for name in scheduler "worker 1" "worker 2"; do
  address=$(sed -nE 's|.*"http":"(https?://[^"]+)".*|\1|p' "$directory/$name.ready")
  printf '  %-10s %s\n' "$name" "${address:+$address/metrics}"
done
if $keep; then
  printf '\nThe cluster stays up until Ctrl-C.\n'
  say "Dashboard: $("$troupe" dashboard)"
  printf 'For another link, or one that may act, run:\n'
  printf '  TROUPE_ACCESS_FILE=%s %s dashboard --admin\n' "$TROUPE_ACCESS_FILE" "$troupe"
  sleep infinity &
  started+=($!)
  wait "$!"
fi
exit "$code"
