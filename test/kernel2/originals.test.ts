import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { originals } from '../support/originals.js';
import { GIVEN_SAYS } from './given.js';
import { GuestRun, secondKernel } from './guest.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PORT = 9191;
const PROBES = ['connects', 'latencies', 'sockets', 'kills', 'operations'];
/** Sources of BumbleBee's own, which are not in this repository. */
const GIVEN = originals().map(({ id, name, source }) => ({ name: `given-${id}`, original: name, source }));

/**
 * Three connections to a port of its own, one of which stays open until it was counted, and one to nobody; one
 * that takes all memory there is, which is 5,120 pages; one that ends with 7, one that is killed, one that asks for a
 * capability, a file that is not there, and a file that is read and one that is written over NFS.
 */
const script = (kernel: string): string => `
source ${here('./nfs.sh')}
load_nfs ${join(kernel, 'nfs')} || exit 4
node ${here('../../dist/bin/bee-agent.js')} --config probes.yaml >events 2>log & agent=$!
get() { exec 3<>/dev/tcp/127.0.0.1/${PORT} || return; printf 'GET %s HTTP/1.0\\r\\nHost: guest\\r\\n\\r\\n' "$1" >&3; cat <&3; exec 3<&-; }
mount_nfs || exit 5
for i in $(seq 100); do sleep 2; kill -0 $agent || exit 3; [[ $(get /readyz 2>/dev/null) == 'HTTP/1.1 200'* ]] && break; done
echo $$ >script-pid
connect() { exec 4<>/dev/tcp/127.0.0.2/${PORT}; }
connect; exec 4<&-
connect; exec 4<&-
connect
: <>/dev/tcp/127.0.0.3/9 || true
mkdir /sys/fs/cgroup/small
echo 20M >/sys/fs/cgroup/small/memory.max
(echo $BASHPID >/sys/fs/cgroup/small/cgroup.procs; exec tail /dev/zero) & echo $! >greedy-pid; wait $!; echo $? >greedy-code
(exit 7) & echo $! >failed-pid; wait $!
sleep 100 & echo $! >killed-pid; kill -KILL $!; wait $!
nice -n -5 true & echo $! >nice-pid; wait $!
cat /run/no-such-file & echo $! >missing-pid; wait $!
echo greetings >/run/export/received
timeout 30 cat /run/nfs/received >received || exit 6
timeout 30 bash -c 'echo thanks >/run/nfs/sent' && cp /run/export/sent sent || exit 7
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
      const unloaded = { name: 'unloaded', source: here('./probes/unloaded.bpf.c') };
      for (const { name, source } of [...ours, unloaded, ...GIVEN])
        await run(process.execPath, [
          here('../../dist/bin/bee.js'),
          ...['build', '--binary-only', '-o', join(guest.folder, `${name}.o`), source],
        ]);
      writeFileSync(
        join(guest.folder, 'probes.yaml'),
        `probes:
${[...PROBES, 'unloaded', ...GIVEN.map(({ name }) => name)].map((name) => `  - { file: ./${name}.o }`).join('\n')}
sinks:
  out: { type: stdout, format: json }
  prom: { type: prometheus, naming: bumblebee }
agent: { listen: "0.0.0.0:${PORT}" }
`,
      );
      const code = await guest.run(script(kernel!), 300_000);
      expect(code, guest.read('log') + guest.read('output')).toBe(0);
      events = guest
        .read('events')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    }, 400_000);
    afterAll(() => guest?.close());

    const running = (names: readonly string[]): string[] => {
      const { probes } = JSON.parse(guest.read('ready')) as { probes: { name: string; state: string }[] };
      return probes
        .filter(({ name, state }) => names.includes(name) && state === 'running')
        .map(({ name }) => name);
    };

    const said = (probe: string): Record<string, unknown>[] =>
      events.filter((event) => event.probe === probe).map(({ data }) => data);

    it('run, all of them', () => {
      expect(running(PROBES), guest.read('log')).toEqual(PROBES);
    });

    it.skipIf(GIVEN.length === 0)('run, those of BEE_ORIGINALS (not set: skipped)', () => {
      const names = GIVEN.map(({ name }) => name);
      expect(running(names), guest.read('log')).toEqual(names);
    });

    it.each(GIVEN)('say what was done: $name', ({ name, original }) => {
      const says = GIVEN_SAYS[original];
      if (!says) throw new Error(`${original}: test/kernel2/given.ts does not know what it is to say`);
      // The label tells probes apart only where two of them have a map of one name.
      const series = (file: string): string =>
        guest
          .read(file)
          .split('\n')
          .filter((line) => line.includes(`probe="${name}"`) || !line.includes('probe="'))
          .join('\n');
      says({
        data: said(name),
        whileOpen: series('while-open'),
        after: series('after'),
        pid: (file) => Number(guest.read(`${file}-pid`)),
      });
    });

    it('say of a function that no loaded module has that a module may have it', () => {
      expect(guest.read('log')).toMatch(
        /program opened \(kprobe\/xfs_file_open\): this kernel \(\S+\) has no function xfs_file_open that can be probed, or the module that has it is not loaded/,
      );
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
      const seen = said('latencies').filter(({ daddr }) => daddr === '127.0.0.2');
      expect(seen).toHaveLength(3);
      for (const data of seen) expect(data).toMatchObject({ comm: 'bash', family: 2 });
    });

    it('print rings by their sections', () => {
      const asked = events.filter(({ map }) => map === 'capabilities');
      expect(asked.length).toBeGreaterThan(0);
      for (const { data } of asked) expect(data.mount_namespace).toBeGreaterThan(4_000_000_000);
    });

    it('say who was killed for want of memory, and who asked for it', () => {
      expect(guest.read('greedy-code').trim()).toBe('137');
      expect(events.filter(({ map }) => map === 'kills').map(({ data }) => data)).toEqual([
        { killer: Number(guest.read('greedy-pid')), pages: (20 << 20) / 4096, victim: 'tail' },
      ]);
    });

    it('make a histogram of what a module did, by name and by a char', () => {
      expect(guest.read('received') + guest.read('sent')).toBe('greetings\nthanks\n');
      const metrics = guest.read('after');
      for (const labels of ['name="received",kind="r"', 'name="sent",kind="w"']) {
        const count = new RegExp(`^ebpf_solo_io_hist_operation_us_count\\{${labels}\\} ([1-9]\\d*)$`, 'm');
        const all = new RegExp(
          `^ebpf_solo_io_hist_operation_us_bucket\\{${labels},le="\\+Inf"\\} (\\d+)$`,
          'm',
        );
        expect(count.exec(metrics)?.[1], metrics).toBeDefined();
        expect(all.exec(metrics)?.[1]).toBe(count.exec(metrics)?.[1]);
      }
    });
  },
);
