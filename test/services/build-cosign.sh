#!/usr/bin/env bash
# Builds cosign from its Go module, once, and prints the path of the binary. The first build takes some minutes; it
# runs at the lowest priority. Needs go. BEE_SERVICES_CACHE: where binaries are kept. BEE_COSIGN3=1: cosign 3, too, whose
# first build takes some minutes more (7 min of CPU time, measured beside a built cosign 2).
set -euo pipefail
if [[ $# -eq 0 && ${BEE_COSIGN3:-} == 1 ]]; then bash "$0" v3.1.3; fi
version=${1:-v2.6.5}
cache=${BEE_SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bee-agent/services}
binary=$cache/cosign-$version

[[ -x $binary ]] && { echo "$binary"; exit 0; }
command -v go >/dev/null || { echo "cosign: no go on this machine to build it with" >&2; exit 1; }
mkdir -p "$cache"
exec 9>"$cache/cosign.lock"
flock 9
[[ -x $binary ]] && { echo "$binary"; exit 0; }

work=$(mktemp -d "$cache/cosign-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
major=${version%%.*}
GOBIN=$work nice -n 19 go install "github.com/sigstore/cosign/$major/cmd/cosign@$version" >&2
mv "$work/cosign" "$binary"
echo "$binary"
