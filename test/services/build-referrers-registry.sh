#!/usr/bin/env bash
# Builds the registry of referrers-registry/, which has the referrers API as docker-registry has not, from two pinned Go
# modules, once, and prints the path of the binary. Needs go. BEE_SERVICES_CACHE: where binaries are kept.
set -euo pipefail
cd "$(dirname "$0")/referrers-registry"
# Of what it is built from: another source is another binary.
version=v$(cat main.go go.mod go.sum | sha256sum | cut -c1-12)
cache=${BEE_SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bee-agent/services}
binary=$cache/referrers-registry-$version

[[ -x $binary ]] && { echo "$binary"; exit 0; }
command -v go >/dev/null || { echo "referrers-registry: no go on this machine to build it with" >&2; exit 1; }
mkdir -p "$cache"
exec 9>"$cache/referrers-registry.lock"
flock 9
[[ -x $binary ]] && { echo "$binary"; exit 0; }

work=$(mktemp -d "$cache/referrers-registry-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
nice -n 19 go build -mod=readonly -trimpath -ldflags=-s -o "$work/registry" . >&2
# A binary of an older source would sort behind this one.
rm -f "$cache"/referrers-registry-v*
mv "$work/registry" "$binary"
echo "$binary"
