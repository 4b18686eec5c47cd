import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { TO_PROMETHEUS, TO_STDOUT } from '../bench/load.js';
import { agentBesidePeer, bumblebee, ebpfExporterPass, inspektorGadget } from '../bench/peers.js';
import { killChildren } from '../bench/process.js';
import { probe, ROOT, WORK } from '../bench/tools.js';

const bin = (name: string): string => join(ROOT, 'dist', 'bin', `${name}.js`);

/** A command that the bench is given as a peer's. */
function command(name: string, script: string): string {
  const file = join(WORK, name);
  writeFileSync(file, `#!/bin/sh\n${script}`);
  chmodSync(file, 0o755);
  return file;
}

describe('the bench beside peers', { timeout: 60_000 }, () => {
  afterAll(killChildren);

  it('runs BumbleBee and the agent on the same probe, each on its own records', async () => {
    // Ours takes BumbleBee's flags and names, so the road is the real one.
    const theirs = await bumblebee(command('bee', `exec ${process.execPath} ${bin('bee')} "$@"\n`));
    const ours = await agentBesidePeer('counter', TO_PROMETHEUS);
    for (const [consumer, total] of [
      [theirs, 20_000],
      [ours, 30_000],
      [theirs, 10_001],
    ] as const) {
      const { delivered, lost, cpu, making } = await consumer.load(total, 50_000);
      expect({ delivered, lost }).toEqual({ delivered: total, lost: 0 });
      expect(making).toBeGreaterThan((total / 50_000) * 0.9);
      expect(cpu).toBeGreaterThan(0);
    }
    await theirs.end();
    await ours.end();
  });

  // `ig` cannot be had here. This prints as it does, a JSON line an event, and shows only half of them.
  it('counts what Inspektor Gadget wrote, and takes for lost what it never shows', async () => {
    const config = join(WORK, 'ig.yaml');
    writeFileSync(
      config,
      `probes: [{ file: ${probe('peer')}, maps: { counter_peer: { export: event, filter: pid < 500 } } }]
sinks: ${TO_STDOUT}
agent: { listen: "127.0.0.1:0" }
`,
      { mode: 0o600 },
    );
    const ig = command(
      'ig',
      `case "$1 $2" in
"image build") grep -q INSPEKTOR_GADGET "$6/build.yaml" && test -s "$6/program.bpf.c" ;;
"run bench:latest") exec ${process.execPath} ${bin('bee-agent')} --config ${config} ;;
*) exit 2 ;;
esac
`,
    );
    const theirs = await inspektorGadget(ig);
    const { delivered, lost } = await theirs.load(20_000, 50_000);
    expect({ delivered, lost }).toEqual({ delivered: 10_000, lost: 10_000 });
    await theirs.end();

    const file = join(WORK, 'beside-ig.ndjson');
    const ours = await agentBesidePeer('event', TO_STDOUT, file);
    expect(await ours.load(20_000, 50_000)).toMatchObject({ delivered: 20_000, lost: 0 });
    await ours.end();
  });

  // Nor can ebpf_exporter. This has its flags and its names, and reads its folder.
  it('measures a scrape of ebpf_exporter', async () => {
    const exporter = command(
      'ebpf_exporter',
      `for flag; do case "$flag" in
--config.dir=*) dir="\${flag#*=}" ;;
--config.names=*) name="\${flag#*=}" ;;
--web.listen-address=*) address="\${flag#*=}" ;;
*) exit 2 ;;
esac; done
grep -q 'name: counter_keys' "$dir/$name.yaml" || exit 2
umask 077
cat > "$dir/stand-in.yaml" <<END
probes: [{ file: $dir/$name.bpf.o, maps: { counter_keys: { export: gauge, metric: ebpf_exporter_counter_keys, interval: 50ms } } }]
sinks: ${TO_PROMETHEUS}
agent: { listen: "$address" }
END
exec ${process.execPath} ${bin('bee-agent')} --config "$dir/stand-in.yaml"
`,
    );
    expect(await ebpfExporterPass(exporter, 2000)).toBeGreaterThan(0);
  });

  it('says what a peer said that does not run', async () => {
    const broken = command('broken', 'echo no BTF here >&2; exit 1\n');
    await expect(bumblebee(broken)).rejects.toThrow(/ended:\nno BTF here/);
  });
});
