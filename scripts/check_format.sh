#!/usr/bin/env bash
# Checks that every C++ source is formatted as .clang-format says; with --fix, formats them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sources() {
  if git rev-parse --is-inside-work-tree > /dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard -- '*.cpp' '*.hpp'
  else
    find . \( -name build -o -name '.?*' \) -prune -o \( -name '*.cpp' -o -name '*.hpp' \) -print0
  fi
}

# What is deleted but still listed is left out.
existing() { while IFS= read -r -d '' file; do [[ ! -e $file ]] || printf '%s\0' "$file"; done; }

case "${1:-}" in
  --fix) sources | existing | xargs -0 -r clang-format-14 -i ;;
  "")
    if ! sources | existing | xargs -0 -r -P "$(nproc)" -n 16 clang-format-14 --dry-run -Werror -ferror-limit=3; then
      echo "check_format: run scripts/check_format.sh --fix" >&2
      exit 1
    fi
    ;;
  *) echo "Usage: scripts/check_format.sh [--fix]" >&2; exit 2 ;;
esac
