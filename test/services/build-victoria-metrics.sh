#!/usr/bin/env bash
# Builds VictoriaMetrics from its Go module, once, and prints the path of the binary. The first build takes a minute;
# it runs at the lowest priority. Needs go. BEE_SERVICES_CACHE: where binaries are kept.
set -euo pipefail
version=v1.140.0
cache=${BEE_SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bee-agent/services}
binary=$cache/victoria-metrics-$version

[[ -x $binary ]] && { echo "$binary"; exit 0; }
command -v go >/dev/null || { echo "victoria-metrics: no go on this machine to build it with" >&2; exit 1; }
mkdir -p "$cache"
exec 9>"$cache/victoria-metrics.lock"
flock 9
[[ -x $binary ]] && { echo "$binary"; exit 0; }

work=$(mktemp -d "$cache/victoria-metrics-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
GOBIN=$work nice -n 19 go install "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics@$version" >&2
mv "$work/victoria-metrics" "$binary"
echo "$binary"
