#!/usr/bin/env bash
# npm run test:kernel2: what this machine's kernel cannot do (kprobes, trampolines, LSM), on a second kernel in an emulated
# machine. Where QEMU or that kernel cannot be had (77), it is said, the tests are skipped, and no skipped one has passed.
source "$(dirname "$0")/lib.sh"
need_node
[[ $(id -u) -eq 0 ]] || die "this needs root. Run: sudo npm run test:kernel2"
bash deploy/setup.sh --test
build_project
setup=0
bash test/kernel2/setup.sh >/dev/null || setup=$?
case $setup in
0) ;;
77) say "No second kernel can be had here (test/kernel2/setup.sh): its tests are skipped" ;;
*) die "test/kernel2/setup.sh failed with $setup, as it says above: without it nothing is tested" ;;
esac

code=0
count_tests vitest.kernel2.config.ts "Tests on a second kernel" "" "$@" || code=$?
((setup != 0 || passed > 0)) || die "there is a second kernel, but no test has passed on it"
exit "$code"
