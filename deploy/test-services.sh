#!/usr/bin/env bash
# npm run test:services [-- FILES]: build what test/services/build-*.sh build, where that is not done yet, then test
# against the real services. What cannot be had here is said, its tests are skipped, and no skipped one has passed.
source "$(dirname "$0")/lib.sh"
need_node
[[ $(id -u) -eq 0 ]] || die "the tests load BPF programs. Run: sudo npm run test:services"
bash deploy/setup.sh --services
build_project

# Seconds that all builds may take together; a build goes on where it stopped the next time, out of Go's own cache.
deadline=$((SECONDS + ${BEE_SERVICES_BUILD_SECONDS:-1500}))
missing=()
for script in test/services/build-*.sh; do
  service=$(basename "$script" .sh)
  service=${service#build-}
  begun=$SECONDS
  left=$((deadline - begun))
  if timeout "$((left > 5 ? left : 5))" bash "$script" >/dev/null; then
    ((SECONDS - begun < 5)) || say "Built $service in $((SECONDS - begun)) s"
  else
    missing+=("$service")
    say "No $service here ($script): its tests are skipped"
  fi
done

more=
((${#missing[@]} == 0)) || more=" (not here: ${missing[*]})"
code=0
count_tests vitest.services.config.ts "Service tests" "$more" "$@" || code=$?
exit "$code"
