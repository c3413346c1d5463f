#!/usr/bin/env bash
# Runs the short list of checks in .clang-tidy over every source that a build directory compiles.
# Usage: scripts/check_tidy.sh [BUILD_DIRECTORY (default: build/dev)] [SOURCE...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=${1:-build/dev}
shift || true
if [[ ! -e $build/compile_commands.json ]]; then
  echo "check_tidy: no $build/compile_commands.json; run cmake --preset dev first" >&2
  exit 2
fi

# clang cannot read what GCC precompiled, nor does it know all of GCC's warnings: both are taken out of the commands.
database=$(mktemp -d)
trap 'rm -rf "$database"' EXIT
python3 - "$build/compile_commands.json" "$database/compile_commands.json" "$PWD" "$@" > "$database/sources" <<'END'
import json, os, re, sys
read, write, root, *only = sys.argv[1:]
only = {os.path.abspath(name) for name in only}
commands = []
for entry in json.load(open(read)):
    file = os.path.abspath(os.path.join(entry["directory"], entry["file"]))
    ours = file.startswith(root + "/") and not file.startswith(root + "/build/") and file.endswith(".cpp")
    if not ours or (only and file not in only):
        continue
    entry["command"] = re.sub(r" -Winvalid-pch| -include \S+cmake_pch\S*| -fpch-preprocess", "", entry["command"])
    commands.append(entry)
json.dump(commands, open(write, "w"))
print("\0".join(sorted({os.path.join(e["directory"], e["file"]) for e in commands})), end="\0")
END
xargs -0 -r -P "$(nproc)" -n 1 clang-tidy-19 --quiet -p "$database" --extra-arg=-Wno-unknown-warning-option \
  < "$database/sources" 2> >(grep -vE '^[0-9]+ warnings?( and [0-9]+ errors?)? generated' >&2)
