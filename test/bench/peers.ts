import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, mkdirSync, openSync, readSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { agentConsumer, type Consumer, produce, produced } from './load.js';
import { Child, cpuSeconds, sleep } from './process.js';
import { probe, program, ROOT, slots, WORK } from './tools.js';

/** How long a peer may need for what it still has to read. */
const SETTLE_MS = 15_000;

/** The agent on the peers' probe: the same records, every field a label, so that both do the same work. */
export function agentBesidePeer(
  exported: 'counter' | 'event',
  sinks: string,
  output?: string,
): Promise<Consumer> {
  return agentConsumer(
    `{ export: ${exported}${exported === 'counter' ? ', metric: load_total' : ''} }`,
    sinks,
    {
      object: probe('peer', { OURS: 1 }),
      ring: 'counter_peer',
      role: 'beside peer',
      ...(output ? { output } : {}),
    },
  );
}

/** Load on a peer that is running; `delivered` says how much it has shown so far. */
function peer(child: Child, delivered: () => Promise<number>): Consumer {
  return {
    end: () => child.end(),
    async load(total, rate, untilLoss) {
      const cpu = cpuSeconds(child.pid);
      const [before, first] = [await delivered(), produced('peer')];
      const begun = performance.now();
      const making = await produce('peer', total, rate, untilLoss);
      const { asked, taken } = produced('peer');
      // Until nothing comes any more: what it lost, it never shows.
      let count = await delivered();
      for (let still = 0; still < 4 && performance.now() - begun < making * 1000 + SETTLE_MS; ) {
        if (count - before >= taken - first.taken) break;
        await sleep(500);
        const now = await delivered();
        still = now === count ? still + 1 : 0;
        count = now;
      }
      return {
        seconds: (performance.now() - begun) / 1000,
        making,
        delivered: count - before,
        lost: asked - first.asked - (count - before),
        cpu: cpuSeconds(child.pid) - cpu,
      };
    },
  };
}

async function loaded(child: Child): Promise<void> {
  await child.until(() => {
    try {
      // Throws as long as there is no such map.
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
  const port = await freePort();
  const child = Child.spawn(binary, [
    ...['run', '--no-tty', '--storage', store, '--prom-port', String(port), reference],
  ]);
  await loaded(child);
  return peer(child, () => sumOf(`http://127.0.0.1:${port}/metrics`, 'ebpf_solo_io_counter_peer'));
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
  return peer(child, lineCounter(output));
}

/** Lines of a file that grows; each call reads what is new. */
function lineCounter(file: string): () => Promise<number> {
  const fd = openSync(file, 'r');
  const block = Buffer.alloc(1 << 20);
  let lines = 0;
  return async () => {
    for (let read = readSync(fd, block); read > 0; read = readSync(fd, block))
      for (const byte of block.subarray(0, read)) if (byte === 10) lines++;
    return lines;
  };
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
    - name: counter_keys # that of the map
      help: keys
      labels:
        - { name: pid, size: 4, decoders: [{ name: uint }] }
        - { name: uid, size: 4, decoders: [{ name: uint }] }
        - { name: comm, size: 16, decoders: [{ name: string }] }
`,
  );
  const address = `127.0.0.1:${await freePort()}`;
  const child = Child.spawn(binary, [
    `--config.dir=${folder}`,
    '--config.names=keys',
    `--web.listen-address=${address}`,
  ]);
  try {
    const scrape = (): Promise<string> =>
      fetch(`http://${address}/metrics`).then((response) => response.text());
    const series = (text: string): number => text.match(/^ebpf_exporter_counter_keys\{/gm)?.length ?? 0;
    await child.until(() => scrape().then(Boolean, () => false));
    await child.until(async () => {
      // Again, where it was not attached yet when it began to listen.
      execFileSync(program('producer'), ['fill', String(keys)]);
      return series(await scrape()) === keys;
    });
    const before = cpuSeconds(child.pid);
    const shown = series(await scrape());
    const cpu = cpuSeconds(child.pid) - before;
    if (shown !== keys) throw new Error(`ebpf_exporter showed ${shown} of ${keys} keys`);
    return cpu;
  } finally {
    await child.end();
  }
}

/** One that nobody listens on right now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
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
