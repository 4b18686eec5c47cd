#!/usr/bin/env bash
# npm test [-- FILES]: the same set-up as npm start, then every test.
source "$(dirname "$0")/lib.sh"
need_node
[[ $(id -u) -eq 0 ]] || die "the tests load BPF programs. Run: sudo npm test"
bash deploy/setup.sh --test
bash deploy/newer-node.sh || say "No newer Node here: what only it can run is skipped"
build_project

report=$(mktemp)
trap 'rm -f "$report"' EXIT
code=0
node node_modules/vitest/vitest.mjs run --reporter=default --reporter=json --outputFile.json="$report" "$@" || code=$?
node -e '
const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
console.log(`Tests: ${numPassedTests} passed, ${Math.max(numFailedTests, numFailedTestSuites > 0 ? 1 : 0)} failed`);
' "$report"
exit "$code"
