#!/usr/bin/env bash
# Builds Grafana Loki from its Go module, once, and prints the path of the binary. The first build takes ten minutes
# and 5 GB of Go's caches; it runs at the lowest priority. Needs go. BEE_SERVICES_CACHE: where binaries are kept.
set -euo pipefail
version=v3.7.8
module=github.com/grafana/loki/v3
cache=${BEE_SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bee-agent/services}
binary=$cache/loki-$version

[[ -x $binary ]] && { echo "$binary"; exit 0; }
command -v go >/dev/null || { echo "loki: no go on this machine to build it with" >&2; exit 1; }
mkdir -p "$cache"
exec 9>"$cache/loki.lock"
flock 9
[[ -x $binary ]] && { echo "$binary"; exit 0; }

work=$(mktemp -d "$cache/loki-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
source=$(go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
# replace and exclude lines count in the main module only, so the main module is a copy of Loki's own; go.sum pins
# what it takes. Its replace by a folder of its repository is the one line that cannot be copied.
install -m 0644 "$source/go.mod" "$source/go.sum" .
go mod edit -module=bee-agent.test/loki -dropreplace=github.com/grafana/loki/pkg/push -require="$module@$version"
nice -n 19 go build -mod=mod -trimpath -ldflags=-s -o loki "$module/cmd/loki" >&2
mv loki "$binary"
echo "$binary"
