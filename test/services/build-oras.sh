#!/usr/bin/env bash
# Builds oras, the OCI registry client of the ORAS project, from its Go module, once, and prints the path of the
# binary. Needs go. BEE_SERVICES_CACHE: where binaries are kept.
set -euo pipefail
version=v1.3.0
cache=${BEE_SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bee-agent/services}
binary=$cache/oras-$version

[[ -x $binary ]] && { echo "$binary"; exit 0; }
command -v go >/dev/null || { echo "oras: no go on this machine to build it with" >&2; exit 1; }
mkdir -p "$cache"
exec 9>"$cache/oras.lock"
flock 9
[[ -x $binary ]] && { echo "$binary"; exit 0; }

work=$(mktemp -d "$cache/oras-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
GOBIN=$work nice -n 19 go install -trimpath -ldflags=-s "oras.land/oras/cmd/oras@$version" >&2
mv "$work/oras" "$binary"
echo "$binary"
