#!/usr/bin/env bash
# setup.sh [--test | --services]: install the system packages that are missing (Debian, Ubuntu). --test: those of the
# tests, too; --services: those of the service tests as well.
source "$(dirname "$0")/lib.sh"

packages=(clang llvm libbpf-dev libelf-dev zlib1g-dev g++ make python3)
if [[ ${1:-} == --test || ${1:-} == --services ]]; then packages+=(prometheus bpftool valgrind docker-registry apache2-utils openssl skopeo nginx-light tmux strace zsh fish); fi
# runc of another packager (Docker's containerd.io) would be taken away by Debian's.
if [[ ${1:-} == --test || ${1:-} == --services ]]; then packages+=(podman); command -v runc >/dev/null || packages+=(runc); fi
if [[ ${1:-} == --services ]]; then packages+=(postgresql); fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

command -v apt-get >/dev/null || die "no apt-get here. Install what these Debian packages have: ${missing[*]}"
say "Installing ${missing[*]}"
# Services of these packages (prometheus) must not start by themselves.
policy=/usr/sbin/policy-rc.d
own_policy=
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod +x "$policy"
  own_policy=1
fi
cleanup() { if [[ $own_policy ]]; then as_root rm -f "$policy"; fi; }
trap cleanup EXIT
install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2; }
install || { as_root apt-get update -q >&2 && install; }
