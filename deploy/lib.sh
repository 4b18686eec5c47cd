# Shared by setup.sh, start.sh and test.sh. Messages go to stderr: stdout belongs to the agent's events.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }
die() {
  say "error: $*"
  exit 1
}

# Run as root: directly, or through sudo; otherwise say what to run, and stop.
as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root and there is no sudo. As root, run: $*"
  fi
}

need_node() {
  command -v node >/dev/null || die "Node.js is missing: install Node 20.19 or newer"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    die "Node $(node -p process.versions.node) is too old: install Node 20.19 or newer"
}

# npm packages, addon and compiled TypeScript, each only when its sources are newer.
build_project() {
  if [[ ! -f node_modules/.package-lock.json || package-lock.json -nt node_modules/.package-lock.json ]]; then
    say "Installing npm packages"
    npm ci --no-audit --no-fund --loglevel=error >&2
    touch node_modules/.package-lock.json
  fi
  [[ -f native/build/Release/bee.stamp ]] || say "Compiling the addon (one to three minutes)"
  bash native/build.sh
  # The code cache is of one version of Node.
  if [[ ! -f dist/.built || $(<dist/.built) != "$(node --version)" || -n $(find core config plugins native rolldown.config.js deploy/code-cache.js -name '*.[tj]s' -newer dist/.built -print -quit) ]]; then
    say "Compiling TypeScript"
    npm run --silent build >&2
    node --version >dist/.built
  fi
}

# count_tests CONFIG NAME MORE [FILES]: run vitest, then say on one line what became of the tests, and MORE. Sets $passed.
count_tests() {
  local config=$1 name=$2 more=$3 report code=0
  shift 3
  report=$(mktemp)
  node node_modules/vitest/vitest.mjs run --config "$config" \
    --reporter=default --reporter=json --outputFile.json="$report" "$@" || code=$?
  node -e '
const [report, name, more] = process.argv.slice(1);
const { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests } = JSON.parse(require("fs").readFileSync(report, "utf8"));
const failed = Math.max(numFailedTests, numFailedTestSuites > 0 && numFailedTests === 0 ? 1 : 0);
console.log(`${name}: ${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped${more}`);
' "$report" "$name" "$more" || code=1
  passed=$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1], "utf8")).numPassedTests' "$report" || echo 0)
  rm -f "$report"
  return "$code"
}
