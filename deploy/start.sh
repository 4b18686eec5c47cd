#!/usr/bin/env bash
# npm start [-- ARGUMENTS]: install what is missing, build the example probes, run them.
source "$(dirname "$0")/lib.sh"
need_node
[[ $(id -u) -eq 0 ]] || command -v sudo >/dev/null || die "loading BPF programs needs root. As root, run: npm start"
bash deploy/setup.sh
build_project

node=$(command -v node)
stored=$(as_root "$node" dist/bin/bee.js list --output json)
for source in examples/probes/*.c; do
  name=$(basename "$source" .c)
  reference=localhost/examples/$name:latest
  stamp=dist/.probe-$name
  newer=$(find "$source" examples/probes/*.h -newer "$stamp" 2>/dev/null || echo "no stamp")
  if [[ -n $newer || $stored != *"\"$reference\""* ]]; then
    say "Building $reference"
    as_root "$node" dist/bin/bee.js build "$source" "$reference" >&2
    touch "$stamp"
  fi
done

if [[ $(id -u) -eq 0 ]]; then
  exec "$node" dist/bin/bee-agent.js --config examples/quickstart.yaml "$@"
else
  exec sudo "$node" dist/bin/bee-agent.js --config examples/quickstart.yaml "$@"
fi
