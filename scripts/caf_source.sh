#!/usr/bin/env bash
# Downloads the sources of the installed version of CAF from Debian to build/caf-source, unless they are there, and
# prints where they are. The system's list of package sources is read, not changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

die() { echo "caf_source: $*" >&2; exit 1; }

version=$(dpkg-query -W -f '${source:Upstream-Version}' libcaf-dev) || die "libcaf-dev is not installed: scripts/bootstrap.sh"
target=$PWD/build/caf-source
[[ -d $target/actor-framework-$version ]] || {
  rm -rf "$target"
  mkdir -p "$target/parts" "$target/lists/partial"
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    [[ -f $list ]] || continue
    sed -E 's/^Types:.*/Types: deb-src/; s/^deb /deb-src /' "$list" > "$target/parts/$(basename "$list")"
  done
  apt=(apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$target/parts"
       -o Dir::State::lists="$target/lists" -o APT::Sandbox::User=root)
  (
    cd "$target"
    "${apt[@]}" update
    "${apt[@]}" source --tar-only actor-framework
    tar xf "actor-framework_$version".orig.tar.*
    rm -rf parts lists
  ) >&2 || die "cannot get the sources of CAF $version"
}
[[ -d $target/actor-framework-$version ]] || die "the package has no directory actor-framework-$version"
echo "$target/actor-framework-$version"
