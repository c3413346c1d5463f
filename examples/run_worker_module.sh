#!/usr/bin/env bash
# Starts a scheduler and a worker that loads the module, runs the client, and stops what it started.
# Usage: run_worker_module.sh TROUPE MODULE CLIENT
set -euo pipefail
troupe=$1 module=$2 client=$3
directory=$(mktemp -d)
started=()
stop() {
  for ((i = ${#started[@]} - 1; i >= 0; i--)); do kill "${started[i]}" 2> /dev/null && wait "${started[i]}" || true; done
  rm -rf "$directory"
}
trap stop EXIT
export TROUPE_ACCESS_FILE=$directory/access.json

# Each node prints one line as soon as it is ready; reading it is how we know.
mkfifo "$directory/scheduler" "$directory/worker"
"$troupe" scheduler --port 0 --no-dashboard -o json > "$directory/scheduler" & started+=($!)
read -r _ < "$directory/scheduler"
"$troupe" worker --no-nanny --http-port 0 --module "$module" -o json > "$directory/worker" & started+=($!)
read -r _ < "$directory/worker"
"$client" "$TROUPE_ACCESS_FILE"
