import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Consumer, produce } from './load.js';
import { Child, cpuSeconds, sleep } from './process.js';
import { probe, program, ROOT, slots, WORK } from './tools.js';

/** How long a peer may need for what it still has to read. */
const SETTLE_MS = 15_000;

/** Load on a peer that is running; `delivered` says how much it has shown so far. */
function peer(child: Child, delivered: () => Promise<number>): Consumer {
  return {
    end: () => child.end(),
    async load(total, rate) {
      const cpu = cpuSeconds(child.pid);
      const before = await delivered();
      const begun = performance.now();
      const making = await produce('peer', total, rate);
      // Until nothing comes any more: what it lost, it never shows.
      let count = await delivered();
      for (let still = 0; still < 4 && performance.now() - begun < SETTLE_MS + total; ) {
        if (count - before >= total) break;
        await sleep(500);
        const now = await delivered();
        still = now === count ? still + 1 : 0;
        count = now;
      }
      return {
        seconds: (performance.now() - begun) / 1000,
        making,
        delivered: count - before,
        lost: total - (count - before),
        cpu: cpuSeconds(child.pid) - cpu,
      };
    },
  };
}

async function loaded(child: Child): Promise<void> {
  await child.until(() => {
    try {
      return slots('produced_peer').length === 2;
    } catch {
      return false;
    }
  });
  await sleep(1000);
}

/** BumbleBee: the probe in a store that both read, `bee run --no-tty`, counted by its /metrics. */
export async function bumblebee(binary: string): Promise<Consumer> {
  const store = join(WORK, 'peer-store');
  const reference = 'localhost/bench/peer:v1';
  const source = join(ROOT, 'test', 'bench', 'probes', 'peer.bpf.c');
  const build = [join(ROOT, 'dist/bin/bee.js'), 'build', source, reference, '--storage', store];
  execFileSync(process.execPath, build);
  const child = Child.spawn(binary, ['run', '--no-tty', '--storage', store, reference]);
  await loaded(child);
  return peer(child, () => sumOf('http://127.0.0.1:9091/metrics', 'ebpf_solo_io_counter_peer'));
}

/** Inspektor Gadget: the same probe as a gadget, `ig run -o json`, counted by the lines it wrote. */
export async function inspektorGadget(binary: string): Promise<Consumer> {
  const folder = join(WORK, 'gadget');
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(ROOT, 'test', 'bench', 'probes', 'peer.bpf.c'), join(folder, 'program.bpf.c'));
  writeFileSync(join(folder, 'build.yaml'), 'cflags: -DINSPEKTOR_GADGET\n');
  execFileSync(binary, ['image', 'build', '--local', '-t', 'bench:latest', folder]);
  const output = join(WORK, 'gadget.ndjson');
  const fd = openSync(output, 'w', 0o600);
  const child = Child.spawn(
    binary,
    ['run', 'bench:latest', '-o', 'json', '--pull', 'never', '--verify-image=false'],
    {
      stdout: fd,
    },
  );
  closeSync(fd);
  await loaded(child);
  return peer(child, async () => {
    let lines = 0;
    for (const byte of readFileSync(output)) if (byte === 10) lines++;
    return lines;
  });
}

/** CPU seconds that ebpf_exporter spends on a scrape of the hash of 100,000 keys. */
export async function ebpfExporterPass(binary: string, keys: number): Promise<number> {
  const folder = join(WORK, 'exporter');
  mkdirSync(folder, { recursive: true });
  copyFileSync(probe('keys'), join(folder, 'keys.bpf.o'));
  writeFileSync(
    join(folder, 'keys.yaml'),
    `metrics:
  counters:
    - name: keys
      help: keys
      labels:
        - { name: pid, size: 4, decoders: [{ name: uint }] }
        - { name: uid, size: 4, decoders: [{ name: uint }] }
        - { name: comm, size: 16, decoders: [{ name: string }] }
`,
  );
  // Its metric is named like its map.
  const yaml = join(folder, 'keys.yaml');
  writeFileSync(yaml, readFileSync(yaml, 'utf8').replace('name: keys\n', 'name: counter_keys\n'));
  const child = Child.spawn(binary, [
    `--config.dir=${folder}`,
    '--config.names=keys',
    '--web.listen-address=127.0.0.1:9435',
  ]);
  try {
    const scrape = (): Promise<string> =>
      fetch('http://127.0.0.1:9435/metrics').then((response) => response.text());
    await child.until(() => scrape().then(Boolean, () => false));
    execFileSync(program('producer'), ['fill', String(keys)]);
    await scrape();
    const before = cpuSeconds(child.pid);
    const text = await scrape();
    const cpu = cpuSeconds(child.pid) - before;
    const series = text.match(/^ebpf_exporter_counter_keys\{/gm)?.length ?? 0;
    if (series !== keys) throw new Error(`ebpf_exporter showed ${series} of ${keys} keys`);
    return cpu;
  } finally {
    await child.end();
  }
}

async function sumOf(url: string, family: string): Promise<number> {
  const text = await (await fetch(url)).text();
  let sum = 0;
  for (const line of text.split('\n')) {
    const match = /^([^\s{]+)(?:\{.*\})? (\S+)$/.exec(line);
    if (match?.[1] === family) sum += Number(match[2]);
  }
  return sum;
}
