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

report=$(mktemp)
trap 'rm -f "$report"' EXIT
code=0
node node_modules/vitest/vitest.mjs run --config vitest.kernel2.config.ts \
  --reporter=default --reporter=json --outputFile.json="$report" "$@" || code=$?
node -e '
const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
const failed = Math.max(numFailedTests, numFailedTestSuites > 0 && numFailedTests === 0 ? 1 : 0);
console.log(`Tests on a second kernel: ${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped`);
if (numPassedTests === 0 && process.argv[2] === "0") {
  console.error("error: there is a second kernel, but no test has passed on it");
  process.exit(1);
}
' "$report" "$setup" || code=1
exit "$code"
