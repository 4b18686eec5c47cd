#!/usr/bin/env bash
# setup.sh: what the tests on a second kernel need: QEMU, and Debian's kernel with an initramfs that mounts this
# machine's root over 9p. The kernel is unpacked, never installed. BEE_SERVICES_CACHE: where it is kept. Ends with 77 where
# no second kernel can be had: another architecture, no such package, no network. Whatever else fails is a fault.
set -euo pipefail
cd "$(dirname "$0")"
folder=${BEE_SERVICES_CACHE:-$HOME/.cache/bee-agent/services}/kernel2

unavailable() {
  echo "$*" >&2
  exit 77
}
[[ $(uname -m) == x86_64 ]] || unavailable "the second kernel is an x86-64 one"
command -v apt-get >/dev/null || unavailable "no apt-get here to get a kernel by"

# apt-get with these arguments; once more by new lists where the old ones lead to nothing.
get() {
  local said try
  for try in 1 2; do
    said=$(LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" 2>&1) && return
    grep -Eq 'Unable to locate package|no installation candidate|Failed to fetch|Unable to fetch' <<<"$said" || break
    ((try == 1)) || unavailable "$said"
    apt-get update -q >&2 || unavailable "$said"
  done
  echo "$said" >&2
  exit 1
}
for program in qemu-system-x86_64 busybox xz; do
  command -v "$program" >/dev/null && continue
  get install -y --no-install-recommends qemu-system-x86 busybox-static xz-utils
  break
done

image_package() { LC_ALL=C apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -1 || true; }
package=$(image_package)
if [[ -z $package ]]; then
  apt-get update -q >&2 || true
  package=$(image_package)
fi
[[ -n $package ]] || unavailable "apt knows no linux-image-amd64"
kernel=$folder/$package
if [[ ! -e $kernel/vmlinux || ! -e $kernel/nfs/nfsd.ko ]]; then
  work=$(mktemp -d "${TMPDIR:-/tmp}/bee-kernel2.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  (cd "$work" && get download "$package" && dpkg -x "$package"_*.deb .)
  mkdir -p "$kernel/nfs"
  find "$folder" -mindepth 1 -maxdepth 1 ! -name "$package" -exec rm -rf {} +
  # What the guest needs for its root, and what scripts load from there: copy SCRIPT FOLDER.
  copy() {
    local module
    for module in $(sed -n 's/^modules="\(.*\)"$/\1/p' "$1"); do
      cp "$(find "$work/lib/modules" -name "$module.ko")" "$2/"
    done
  }
  copy init.sh "$kernel"
  copy nfs.sh "$kernel/nfs"
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
trap 'rm -rf "$root" "$kernel/initramfs.$$" ${work:+"$work"}' EXIT
mkdir -p "$root/bin" "$root/modules"
cp "$kernel"/*.ko "$root/modules/"
cp "$(command -v busybox)" "$root/bin/busybox"
install -m 755 init.sh "$root/init"
(cd "$root" && find . | busybox cpio -o -H newc >"$kernel/initramfs.$$" 2>/dev/null)
# Whoever boots meanwhile reads the old one or the new one.
mv "$kernel/initramfs.$$" "$kernel/initramfs"
echo "$kernel"
