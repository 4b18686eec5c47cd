#!/usr/bin/env bash
# Fetches Debian's dockerd, docker, containerd with ctr, and runc, once, and prints the folder of their programs. They are
# unpacked, never installed: no service starts, and no other engine of this machine is touched.
# BEE_SERVICES_CACHE: where they are kept.
set -euo pipefail
cache=${BEE_SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bee-agent/services}
folder=$cache/docker

[[ -x $folder/dockerd ]] && { echo "$folder"; exit 0; }
command -v apt-get dpkg >/dev/null || { echo "docker: no apt-get on this machine to fetch it with" >&2; exit 1; }
mkdir -p "$cache"
exec 9>"$cache/docker.lock"
flock 9
[[ -x $folder/dockerd ]] && { echo "$folder"; exit 0; }

work=$(mktemp -d "$cache/docker-fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q docker.io containerd runc >&2
for package in *.deb; do dpkg -x "$package" root; done
mkdir programs
cp root/usr/bin/{docker,containerd,containerd-shim*,ctr} root/usr/sbin/{dockerd,runc} programs/
mv programs "$folder"
echo "$folder"
