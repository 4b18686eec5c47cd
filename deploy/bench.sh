#!/usr/bin/env bash
# npm run bench [-- ARGUMENTS]: the set-up of the tests, then the bench.
source "$(dirname "$0")/lib.sh"
need_node
bash deploy/setup.sh --test
build_project
node node_modules/typescript/bin/tsc -p tsconfig.bench.json >&2
# That has written the public module of the SDK anew, which the bundle replaces.
npm run --silent bundle >&2
exec node dist/test/bench/main.js "$@"
