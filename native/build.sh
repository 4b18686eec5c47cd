#!/usr/bin/env bash
# Build the addon: quiet when all goes well or nothing is to be done, everything the compiler said otherwise.
# Never touches the network: the headers are those beside node, or those of the npm package node-api-headers.
set -euo pipefail

native="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname "$native")"
addon="$native/build/Release/bee.node"
stamp="$native/build/Release/bee.stamp"
cache="$root/.cache/native"
mkdir -p "$cache"

# Two builds at once would write over each other.
if command -v flock >/dev/null; then
  exec 9>"$cache/lock"
  flock 9
fi

# Node-API is stable across versions of node: only the platform and libbpf decide.
libbpf="$(pkg-config --modversion libbpf 2>/dev/null || echo unknown)"
target="$(node -p 'process.platform + "-" + process.arch') $(uname -m) libbpf-$libbpf"

is_current() {
  [ -f "$addon" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$target" ] &&
    [ -z "$(find "$native/src" "$native/binding.gyp" "$native/build.sh" -newer "$addon" -print -quit)" ]
}
if is_current; then exit 0; fi

for tool in g++ make python3; do
  if ! command -v "$tool" >/dev/null; then
    echo "native/build.sh: $tool is missing; deploy/setup.sh installs what the addon needs" >&2
    exit 1
  fi
done
if ! echo '#include <bpf/libbpf.h>' | g++ -E -x c++ - >/dev/null 2>&1; then
  echo "native/build.sh: <bpf/libbpf.h> is missing (Debian and Ubuntu: apt-get install libbpf-dev)" >&2
  exit 1
fi

# A prefix with include/node, as node-gyp wants it.
headers_prefix() {
  local prefix
  prefix="$(node -p 'require("node:path").dirname(require("node:path").dirname(require("node:fs").realpathSync(process.execPath)))')"
  if [ -f "$prefix/include/node/common.gypi" ] && [ -f "$prefix/include/node/node_api.h" ]; then
    echo "$prefix"
    return
  fi
  local include="$cache/headers/include/node"
  rm -rf "$cache/headers"
  mkdir -p "$include"
  cp "$(cd "$native" && node -p 'require("node-api-headers").include_dir')"/*.h "$include/"
  # What node's own files would say, as far as an addon that uses nothing but Node-API needs it.
  cat >"$include/common.gypi" <<'GYPI'
{
  'target_defaults': {
    'default_configuration': 'Release',
    'configurations': { 'Release': { 'cflags': ['-O2'] }, 'Debug': { 'cflags': ['-g', '-O0'] } },
    'cflags': ['-pthread', '-fPIC'],
    'ldflags': ['-pthread'],
  }
}
GYPI
  echo "{ 'target_defaults': {}, 'variables': { 'host_arch': '$(node -p process.arch)', 'target_arch': '$(node -p process.arch)', 'napi_build_version': '9' } }" \
    >"$include/config.gypi"
  echo "$cache/headers"
}

node_gyp() {
  local bin
  bin="$(cd "$native" && node -p 'require.resolve("node-gyp/bin/node-gyp.js")')"
  npm_config_nodedir="$(headers_prefix)" JOBS=max node "$bin" "$@" -C "$native"
}

# Built for something else, or never: from nothing. Else make compiles what changed.
steps="configure build"
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$target" ]; then steps="rebuild"; fi

log="$cache/build.log"
for step in $steps; do
  if ! node_gyp "$step" >"$log" 2>&1; then
    cat "$log" >&2
    echo "native/build.sh: the addon could not be built" >&2
    exit 1
  fi
done
touch "$addon"
echo "$target" >"$stamp"
