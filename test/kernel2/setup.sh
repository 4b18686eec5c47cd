#!/usr/bin/env bash
# setup.sh: what the tests on a second kernel need: QEMU, and Debian's kernel with an initramfs that mounts this
# machine's root over 9p. The kernel is unpacked, never installed. BEE_SERVICES_CACHE: where it is kept.
set -euo pipefail
cd "$(dirname "$0")"
folder=${BEE_SERVICES_CACHE:-$HOME/.cache/bee-agent/services}/kernel2

[[ $(uname -m) == x86_64 ]] || { echo "the second kernel is an x86-64 one" >&2; exit 1; }
command -v qemu-system-x86_64 busybox xz >/dev/null || DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -q --no-install-recommends qemu-system-x86 busybox-static xz-utils >&2

package=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -1)
[[ -n $package ]] || { echo "apt knows no linux-image-amd64: run apt-get update" >&2; exit 1; }
kernel=$folder/$package
if [[ ! -e $kernel/vmlinux ]]; then
  work=$(mktemp -d "${TMPDIR:-/tmp}/bee-kernel2.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && apt-get download -q "$package" >&2 && dpkg -x "$package"_*.deb .)
  rm -rf "$folder" && mkdir -p "$kernel"
  for module in $(sed -n 's/^modules="\(.*\)"$/\1/p' init.sh); do
    cp "$(find "$work/lib/modules" -name "$module.ko")" "$kernel/"
  done
  # The kernel without its wrapper boots in half the time. Offsets: Documentation/arch/x86/boot.rst.
  image=$(echo "$work"/boot/vmlinuz-*)
  word() { od -An -t "u$2" -j "$1" -N "$2" "$image" | tr -d ' '; }
  start=$((($(word 497 1) + 1) * 512 + $(word 584 4)))
  # What follows the payload is no part of it: xz complains, and is done by then.
  head -c $((start + $(word 588 4))) "$image" | tail -c "$(word 588 4)" | { xz -dc 2>/dev/null || true; } >"$work/vmlinux"
  [[ $(head -c 4 "$work/vmlinux" | tail -c 3) == ELF ]] || { echo "no kernel in $image" >&2; exit 1; }
  mv "$work/vmlinux" "$kernel/vmlinux"
fi

root=$(mktemp -d "${TMPDIR:-/tmp}/bee-kernel2.XXXXXX")
trap 'rm -rf "$root" ${work:+"$work"}' EXIT
mkdir -p "$root/bin" "$root/modules"
cp "$kernel"/*.ko "$root/modules/"
cp "$(command -v busybox)" "$root/bin/busybox"
install -m 755 init.sh "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc >"$kernel/initramfs" 2>/dev/null)
echo "$kernel"
