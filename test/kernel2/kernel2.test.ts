import { execFile } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GuestRun, secondKernel } from './guest.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const EXAMPLES = readdirSync(here('../../examples/probes'))
  .filter((file) => file.endsWith('.c'))
  .map((file) => basename(file, '.c'));
/** Probes of this folder. */
const OWN = ['removals', 'unlink'];
const PORT = 9191;

interface Event {
  readonly map: string;
  readonly data: Record<string, unknown>;
}

/** Waits for the agent, does one known thing of each kind, and leaves what it saw itself in files. */
const SCRIPT = `
node ${here('../../dist/bin/bee-agent.js')} --config probes.yaml >events 2>log & agent=$!
get() { exec 3<>/dev/tcp/127.0.0.1/${PORT} || return; printf 'GET %s HTTP/1.0\\r\\nHost: guest\\r\\n\\r\\n' "$1" >&3; cat <&3; exec 3<&-; }
# Each look costs an emulated machine real time.
for i in $(seq 100); do sleep 2; kill -0 $agent || exit 3; [[ $(get /readyz 2>/dev/null) == 'HTTP/1.1 200'* ]] && break; done
cp /bin/true /run/beetrue
/run/beetrue one 'two words' & echo $! >exec-pid; wait $!
cat /run/missing-file & echo $! >open-pid; wait $!
touch /run/wanted /run/forbidden
rm /run/wanted & echo $! >unlink-pid; wait $!
rm /run/forbidden & echo $! >forbidden-pid; wait $!; echo $? >forbidden-code
rm -f /run/nothing & echo $! >nothing-pid; wait $!
sleep 2
get /readyz | sed '1,/^\\r$/d' >ready
get /metrics | sed '1,/^\\r$/d' >metrics
kill -TERM $agent
wait $agent
`;

const kernel = secondKernel();

// 6.1, with kprobes, trampolines and LSM; compiled on the kernel that the tests run on.
describe.skipIf(kernel === undefined)('on a second kernel (set up by test/kernel2/setup.sh)', () => {
  let guest: GuestRun;
  let events: Event[];
  const pid = (name: string): number => Number(guest.read(`${name}-pid`));
  const of = (map: string, name: string): Record<string, unknown>[] =>
    events.filter((event) => event.map === map && event.data.pid === pid(name)).map((event) => event.data);

  beforeAll(async () => {
    guest = new GuestRun(kernel!);
    const sources = EXAMPLES.map((name) => here(`../../examples/probes/${name}.c`));
    for (const source of [...sources, ...OWN.map((name) => here(`./probes/${name}.bpf.c`))]) {
      const object = join(guest.folder, `${basename(source).split('.')[0]}.o`);
      await run(process.execPath, [
        here('../../dist/bin/bee.js'),
        'build',
        '--binary-only',
        '-o',
        object,
        source,
      ]);
    }
    const probes = [...EXAMPLES, ...OWN].map((name) => `  - { file: ./${name}.o }\n`).join('');
    writeFileSync(
      join(guest.folder, 'probes.yaml'),
      `probes:\n${probes}sinks: { out: { type: stdout, format: json }, prom: { type: prometheus } }\nagent: { listen: "127.0.0.1:${PORT}" }\n`,
    );
    const code = await guest.run(SCRIPT, 420_000);
    expect(code, guest.read('log') + guest.read('output')).toBe(0);
    events = guest
      .read('events')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }, 540_000);
  afterAll(() => guest?.close());

  it('every probe runs', () => {
    const { probes } = JSON.parse(guest.read('ready')) as { probes: { name: string; state: string }[] };
    expect(probes.map(({ name, state }) => `${name} ${state}`)).toEqual(
      [...EXAMPLES, ...OWN].map((name) => `${name} running`),
    );
  });

  it('fields are where this kernel has them', () => {
    expect(of('print_execs', 'exec')).toMatchObject([
      { comm: 'beetrue', filename: '/run/beetrue', args: '/run/beetrue one two words' },
    ]);
    expect(of('print_opens', 'open')).toContainEqual(
      expect.objectContaining({ comm: 'cat', path: '/run/missing-file', ret: -2 }),
    );
    expect(of('print_exits', 'open')).toMatchObject([{ comm: 'cat', code: 1 }]);
  });

  it('kprobe, kretprobe, fentry and fexit see the same call', () => {
    const seen = of('print_unlinks', 'unlink');
    expect(seen.map(({ way }) => way).sort()).toEqual(['FENTRY', 'FEXIT', 'KPROBE', 'KRETPROBE']);
    for (const { way, comm, path, ret } of seen) {
      const before = way === 'KPROBE' || way === 'FENTRY';
      expect({ comm, path, ret }).toEqual({ comm: 'rm', path: before ? '/run/wanted' : '', ret: 0 });
    }
  });

  it('an LSM program forbids, and its event says so', () => {
    expect(guest.read('forbidden-code').trim()).toBe('1');
    const seen = of('print_unlinks', 'forbidden');
    expect(seen.filter(({ way }) => way === 'LSM')).toMatchObject([
      { comm: 'rm', path: 'forbidden', ret: -1 },
    ]);
    expect(seen.filter(({ way }) => way === 'FEXIT' || way === 'KRETPROBE').map(({ ret }) => ret)).toEqual([
      -1, -1,
    ]);
  });

  it('kprobes of a system call by its plain name are at its function', () => {
    const counts = [...guest.read('metrics').matchAll(/^ebpf_removals_total\{(.*comm="rm".*)\} (\d+)$/gm)];
    const of = (returned: boolean) =>
      counts.filter(([, labels]) => labels!.includes(`returned="${returned}"`));
    // For three files, one of which it may not remove, and one of which is not there.
    expect([of(false), of(true)].map((found) => found.map(([, , count]) => count))).toEqual([['3'], ['3']]);
  });

  it('metrics of hash maps and rings are there, and nothing is lost', () => {
    const metrics = guest.read('metrics');
    expect(metrics).toMatch(/^ebpf_syscalls_total\{.*\} [1-9]/m);
    expect(metrics).toMatch(/^bee_agent_probe_up\{probe="unlink"\} 1$/m);
    for (const [, value] of metrics.matchAll(/^bee_agent_records_lost_total\{.*\} (\d+)$/gm))
      expect(value).toBe('0');
  });
});
