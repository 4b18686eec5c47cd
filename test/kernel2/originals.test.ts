import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { originals } from '../support/originals.js';
import { GuestRun, secondKernel } from './guest.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PORT = 9191;
const PROBES = ['connects', 'latencies', 'sockets', 'kills'];
/** Sources of BumbleBee's own, which are not in this repository. */
const GIVEN = originals().map(({ name, source }) => ({ name: `given-${name}`, source }));

/**
 * Three connections to a port of its own, one of which stays open until it was counted, and one to nobody; and one
 * that takes all memory there is, which is 5,120 pages.
 */
const SCRIPT = `
node ${here('../../dist/bin/bee-agent.js')} --config probes.yaml >events 2>log & agent=$!
get() { exec 3<>/dev/tcp/127.0.0.1/${PORT} || return; printf 'GET %s HTTP/1.0\\r\\nHost: guest\\r\\n\\r\\n' "$1" >&3; cat <&3; exec 3<&-; }
for i in $(seq 100); do sleep 2; kill -0 $agent || exit 3; [[ $(get /readyz 2>/dev/null) == 'HTTP/1.1 200'* ]] && break; done
connect() { exec 4<>/dev/tcp/127.0.0.2/${PORT}; }
connect; exec 4<&-
connect; exec 4<&-
connect
: <>/dev/tcp/127.0.0.3/9 || true
mkdir /sys/fs/cgroup/small
echo 20M >/sys/fs/cgroup/small/memory.max
(echo $BASHPID >/sys/fs/cgroup/small/cgroup.procs; exec tail /dev/zero) & echo $! >greedy-pid; wait $!; echo $? >greedy-code
sleep 3
get /metrics | sed '1,/^\\r$/d' >while-open
exec 4<&-
sleep 3
get /metrics | sed '1,/^\\r$/d' >after
get /readyz | sed '1,/^\\r$/d' >ready
kill -TERM $agent
wait $agent
`;

const kernel = secondKernel();

// What hangs on kprobes, in both of BumbleBee's conventions.
describe.skipIf(kernel === undefined)(
  "programs in the manner of BumbleBee's examples, on a second kernel (set up by test/kernel2/setup.sh)",
  () => {
    let guest: GuestRun;
    let events: { readonly probe: string; readonly map: string; readonly data: Record<string, unknown> }[];

    beforeAll(async () => {
      guest = new GuestRun(kernel!);
      const ours = PROBES.map((name) => ({ name, source: here(`../e2e/probes/originals/${name}.c`) }));
      for (const { name, source } of [...ours, ...GIVEN])
        await run(process.execPath, [
          here('../../dist/bin/bee.js'),
          ...['build', '--binary-only', '-o', join(guest.folder, `${name}.o`), source],
        ]);
      writeFileSync(
        join(guest.folder, 'probes.yaml'),
        `probes:
${[...PROBES, ...GIVEN.map(({ name }) => name)].map((name) => `  - { file: ./${name}.o }`).join('\n')}
sinks:
  out: { type: stdout, format: json }
  prom: { type: prometheus, naming: bumblebee }
agent: { listen: "0.0.0.0:${PORT}" }
`,
      );
      const code = await guest.run(SCRIPT, 300_000);
      expect(code, guest.read('log') + guest.read('output')).toBe(0);
      events = guest
        .read('events')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line))
        .filter(({ probe }) => PROBES.includes(probe));
    }, 400_000);
    afterAll(() => guest?.close());

    const running = (names: readonly string[]): string[] => {
      const { probes } = JSON.parse(guest.read('ready')) as { probes: { name: string; state: string }[] };
      return probes
        .filter(({ name, state }) => names.includes(name) && state === 'running')
        .map(({ name }) => name);
    };

    it('run, all of them', () => {
      expect(running(PROBES)).toEqual(PROBES);
    });

    it.skipIf(GIVEN.length === 0)('run, those of BEE_ORIGINALS (not set: skipped)', () => {
      const names = GIVEN.map(({ name }) => name);
      expect(running(names), guest.read('log')).toEqual(names);
    });

    it('count connections in a hash by its section, with those that failed', () => {
      const metrics = guest.read('after');
      expect(metrics).toMatch(/^ebpf_solo_io_connects\{.*daddr="127\.0\.0\.2".*\} 3$/m);
      expect(metrics).toMatch(/^ebpf_solo_io_connects\{.*daddr="127\.0\.0\.3".*\} 1$/m);
    });

    it('have a gauge that goes up and down', () => {
      const gauge = new RegExp(
        `^ebpf_solo_io_open_sockets\\{.*daddr="127\\.0\\.0\\.2".*dport="${PORT}".*\\} (\\d+)$`,
        'm',
      );
      expect(gauge.exec(guest.read('while-open'))?.[1]).toBe('1');
      expect(gauge.exec(guest.read('after'))?.[1]).toBe('0');
    });

    it('print a ring by its prefix', () => {
      const seen = events.filter(({ map, data }) => map === 'print_latencies' && data.daddr === '127.0.0.2');
      expect(seen).toHaveLength(3);
      for (const { data } of seen) expect(data).toMatchObject({ comm: 'bash', family: 2 });
    });

    it('print rings by their sections', () => {
      const asked = events.filter(({ map }) => map === 'capabilities');
      expect(asked.length).toBeGreaterThan(0);
      for (const { data } of asked) expect(data.mount_namespace).toBeGreaterThan(4_000_000_000);
    });

    it('say who was killed for want of memory, and who asked for it', () => {
      expect(guest.read('greedy-code').trim()).toBe('137');
      const killed = events.filter(({ map }) => map === 'kills').map(({ data }) => data);
      expect(killed).toEqual([
        { killer: Number(guest.read('greedy-pid')), pages: (20 << 20) / 4096, victim: 'tail' },
      ]);
    });
  },
);
