#!/usr/bin/env bash
# Builds an OpenTelemetry Collector (OTLP in, debug out) from its Go modules, once, and prints the path of the binary.
# The first build takes some minutes; it runs at the lowest priority. Needs go. BEE_SERVICES_CACHE: where binaries are kept.
set -euo pipefail
version=v0.165.0
cache=${BEE_SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bee-agent/services}
binary=$cache/otelcol-$version

[[ -x $binary ]] && { echo "$binary"; exit 0; }
command -v go >/dev/null || { echo "collector: no go on this machine to build it with" >&2; exit 1; }
mkdir -p "$cache"
exec 9>"$cache/otelcol.lock"
flock 9
[[ -x $binary ]] && { echo "$binary"; exit 0; }

work=$(mktemp -d "$cache/otelcol-build.XXXXXX")
trap 'rm -rf "$work"' EXIT
cat >"$work/builder.yaml" <<CONFIG
dist: { name: otelcol, output_path: $work/dist }
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver $version
exporters:
  - gomod: go.opentelemetry.io/collector/exporter/debugexporter $version
CONFIG
GOBIN=$work nice -n 19 go install "go.opentelemetry.io/collector/cmd/builder@$version" >&2
nice -n 19 "$work/builder" --config "$work/builder.yaml" >&2
mv "$work/dist/otelcol" "$binary"
echo "$binary"
