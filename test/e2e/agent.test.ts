import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess, runAgent, runAgentWith, writeConfig } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const [SUBMIT, QUIET, DISCARD, HOLD] = ['0', '1', '2', '3'];

const JSON_OUT = 'sinks: { out: { type: stdout, format: json }, prom: { type: prometheus } }';
const ANY_PORT = 'agent: { listen: "127.0.0.1:0" }';

let controls: string;
let control: string;
let flood: string;
let trigger: string;
const failing: Record<string, string> = {};
let agent: AgentProcess | undefined;

beforeAll(() => {
  controls = compileProbe(here('./probes/controls.bpf.c'));
  control = compileProgram(here('./probes/control.c'));
  flood = compileProbe(here('./probes/flood.bpf.c'));
  trigger = compileProgram(here('./probes/trigger.c'));
  for (const name of ['verifier', 'tracepoint', 'fentry']) {
    failing[name] = compileProbe(here('../kernel/probes/failing.bpf.c'), `-DCASE_${name}`);
  }
});
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
});

const events = (): Record<string, unknown>[] => agent!.events.map((event) => event.data);

describe('records of every manner', () => {
  it('shows an event whole: own time, enum, nested struct, array, hostile text, labels, parameters', async () => {
    agent = await AgentProcess.start(`
probes:
  - file: ${controls}
    name: controls
    params: { scale: 7 }
${JSON_OUT}
agent: { listen: "127.0.0.1:0", labels: { node: "a\\"b" } }
`);
    const before = Date.now();
    await run(control, [SUBMIT!, SUBMIT!]);
    const after = Date.now();
    await agent.until(() => agent!.events.length === 2);
    const [first, second] = agent.events;
    expect(first).toEqual({
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/),
      probe: 'controls',
      map: 'print_controls',
      labels: { node: 'a"b' },
      data: {
        at: expect.any(Number),
        way: 'SUBMIT',
        scaled: 0,
        inner: { depth: -1, words: [1, 2, 3] },
        text: 'a"b\\c\n',
      },
    });
    expect(second!.data.scaled).toBe(7);
    const shown = Date.parse(first!.timestamp);
    expect(shown).toBeGreaterThanOrEqual(before - 50);
    expect(shown).toBeLessThanOrEqual(after + 50);
  });

  it('finds a record that was submitted without a wake-up', async () => {
    agent = await AgentProcess.start(`probes: [{ file: ${controls} }]\n${JSON_OUT}\n${ANY_PORT}\n`);
    await run(control, [QUIET!]);
    await agent.until(() => agent!.events.length === 1);
    expect(events()).toMatchObject([{ way: 'QUIET' }]);
  });

  it('leaves discarded records out, and counts them', async () => {
    agent = await AgentProcess.start(`probes: [{ file: ${controls}, name: c }]\n${JSON_OUT}\n${ANY_PORT}\n`);
    await run(control, [SUBMIT!, DISCARD!, DISCARD!, SUBMIT!]);
    await agent.until(() => agent!.events.length === 2);
    await agent.until(async () => (await agent!.sum('bee_agent_records_discarded_total')) === 2);
    expect(await agent.sum('bee_agent_records_received_total')).toBe(2);
  });

  it('waits for a record that is reserved and not yet submitted, and keeps the order', async () => {
    agent = await AgentProcess.start(`probes: [{ file: ${controls} }]\n${JSON_OUT}\n${ANY_PORT}\n`);
    const holding = run(control, [HOLD!]);
    await new Promise((done) => setTimeout(done, 100));
    await run(control, [SUBMIT!]);
    await holding;
    await agent.until(() => agent!.events.length === 2);
    expect(events()).toMatchObject([
      { way: 'HOLD', scaled: 0 },
      { way: 'SUBMIT', scaled: 1 },
    ]);
  });

  it('filters by config, and counts what it filtered', async () => {
    agent = await AgentProcess.start(`
probes:
  - file: ${controls}
    name: c
    maps: { print_controls: { filter: 'way == "QUIET" || inner.words[1] != 2' } }
${JSON_OUT}
${ANY_PORT}
`);
    await run(control, [SUBMIT!, SUBMIT!, QUIET!]);
    await agent.until(async () => (await agent!.sum('bee_agent_records_received_total')) === 3);
    await agent.until(() => agent!.events.length === 1);
    expect(events()).toMatchObject([{ way: 'QUIET' }]);
    expect(await agent.sum('bee_agent_records_filtered_total')).toBe(2);
    await agent.until(async () => (await agent!.sum('bee_agent_sink_delivered_total', 'sink="out"')) === 1);
    expect(await agent.sum('bee_agent_sink_received_total', 'sink="out"')).toBe(3);
    expect(await agent.sum('bee_agent_sink_filtered_total', 'sink="out"')).toBe(2);
  });

  it('makes a counter and a histogram of a ring when the config says so', async () => {
    const config = (map: string): string =>
      `probes: [{ file: ${controls}, params: { scale: 3 }, maps: { print_controls: { ${map} } } }]\n${JSON_OUT}\n${ANY_PORT}\n`;
    agent = await AgentProcess.start(config('export: counter, labels: [way], metric: controls_total'));
    await run(control, [SUBMIT!, SUBMIT!, QUIET!]);
    await agent.until(async () => (await agent!.sum('controls_total', 'way="SUBMIT"')) === 2);
    await agent.until(async () => (await agent!.sum('controls_total', 'way="QUIET"')) === 1);
    expect(agent.stdout).toBe('');
    await agent.stop();
    agent = await AgentProcess.start(
      config('export: histogram, labels: [way], value: scaled, buckets: [0, 3, 4], metric: scaled'),
    );
    await run(control, [SUBMIT!, SUBMIT!, SUBMIT!]);
    await agent.until(async () => (await agent!.sum('scaled_count', 'way="SUBMIT"')) === 3);
    const bucket = (le: string): Promise<number> => agent!.sum('scaled_bucket', `le="${le}"`);
    expect([await bucket('0'), await bucket('3'), await bucket('4'), await bucket('+Inf')]).toEqual([
      1, 2, 2, 3,
    ]);
    expect(await agent.sum('scaled_sum')).toBe(9);
  });
});

describe('/events', () => {
  it('gives the last events as lines, as many as asked for', async () => {
    agent = await AgentProcess.start(
      `probes: [{ file: ${flood}, name: flood }]\nsinks: { prom: { type: prometheus } }\n${ANY_PORT}\n`,
    );
    await run(trigger, ['3000', '100', '2000']);
    await agent.until(
      async () => (await agent!.sum('bee_agent_records_received_total', 'map="print_flood"')) === 3000,
    );
    const sequence = async (query: string): Promise<number[]> => {
      const text = await (await fetch(`${agent!.url}/events${query}`)).text();
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line).data.seq);
    };
    const range = (from: number, to: number): number[] =>
      Array.from({ length: to - from }, (_, i) => from + i);
    expect(await sequence('')).toEqual(range(2000, 3000));
    expect(await sequence('?limit=3&probe=flood&map=print_flood')).toEqual([2997, 2998, 2999]);
    expect(await sequence('?limit=0')).toEqual([]);
  }, 30_000);

  it.each([
    ['?limit=x', 'limit must be a number'],
    ['?limit=1001', 'limit must be a number from 0 to 1000'],
    ['?follow=maybe', 'follow must be true or false'],
    ['?prob=x', 'Unknown parameter "prob"'],
  ])('refuses %s', async (query, message) => {
    agent ??= await AgentProcess.start(`probes: [{ file: ${flood} }]\n${JSON_OUT}\n${ANY_PORT}\n`);
    const response = await fetch(`${agent.url}/events${query}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(message);
  });

  it('says which probes and maps there are, where one is asked for that can have no events', async () => {
    const late = join(mkdtempSync(join(tmpdir(), 'bee-agent-')), 'late.o');
    agent = await AgentProcess.start(
      `probes:\n  - { file: ${flood}, name: flood }\n  - { file: ${late}, name: late }\n${JSON_OUT}\n${ANY_PORT}\n`,
    );
    const ask = async (query: string): Promise<[number, string]> => {
      const response = await fetch(`${agent!.url}/events?${query}`);
      return [response.status, await response.text()];
    };
    expect(await ask('probe=nope')).toEqual([404, 'No probe "nope". There is: flood, late\n']);
    expect(await ask('probe=nope&follow')).toEqual([404, 'No probe "nope". There is: flood, late\n']);
    expect(await ask('probe=flood&map=counter_groups')).toEqual([
      404,
      'No events of a map "counter_groups". There is: flood/print_flood\n',
    ]);
    expect(await ask('probe=flood&map=print_flood')).toEqual([200, '']);
    // Not loaded yet: whatever map it is, it may come.
    expect(await ask('probe=late&map=print_later')).toEqual([200, '']);
    expect(await ask('map=print_later')).toEqual([200, '']);
  });

  it('follows: first the last, then the live ones, none missing and none twice', async () => {
    agent = await AgentProcess.start(
      `probes: [{ file: ${flood}, name: flood }]\nsinks: { prom: { type: prometheus } }\n${ANY_PORT}\n`,
    );
    await run(trigger, ['50', '10', '100']);
    await agent.until(async () => (await agent!.sum('ebpf_groups_total')) === 50);
    const producing = run(trigger, ['20000', '10', '100']);
    const response = await fetch(`${agent.url}/events?follow=true&limit=10`);
    let text = '';
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    const seqs = (): number[] =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line).data.seq as number);
    while (!text.includes('"seq":20049,')) text += (await reader.read()).value ?? '';
    await producing;
    await reader.cancel();
    const got = seqs();
    expect(got).toEqual(got.map((_, i) => got[0]! + i));
    expect(got.at(-1)).toBe(20_049);
    expect(await agent.sum('bee_agent_follower_lost_events_total')).toBe(0);
  }, 60_000);

  it('lets a slow reader lose its own events, counted, and holds up nobody', async () => {
    agent = await AgentProcess.start(`probes: [{ file: ${flood}, name: flood }]\n${JSON_OUT}\n${ANY_PORT}\n`);
    const { hostname, port } = new URL(agent.url);
    const slow = request({ hostname, port, path: '/events?follow&limit=0' }).end();
    const [response] = await once(slow, 'response');
    response.pause();
    await run(trigger, ['120000', '200', '500']);
    await agent.until(() => (agent!.stdout.match(/"seq":/g)?.length ?? 0) >= 120_000, 30_000);
    expect(await agent.sum('bee_agent_follower_lost_events_total')).toBeGreaterThan(0);
    let received = 0;
    response.on('data', (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 10) received++;
    });
    const lost = await agent.sum('bee_agent_follower_lost_events_total');
    response.resume();
    await agent.until(() => received + lost === 120_000);
    slow.destroy();
  }, 60_000);
});

describe('a probe that does not start', () => {
  const two = (source: string): string =>
    `probes:\n  - { file: ${controls}, name: good }\n  - { ${source}, name: bad }\n${JSON_OUT}\n${ANY_PORT}\n`;

  it.each([
    ['verifier', /invalid mem access 'map_value_or_null'/],
    ['tracepoint', /sched_no_such_event/],
    ['fentry', /fentry/],
  ])('is reported with its cause, and the others run: %s', async (name, cause) => {
    agent = await AgentProcess.start(two(`file: ${failing[name]}`));
    const ready = await fetch(`${agent.url}/readyz`);
    expect(ready.status).toBe(200);
    const body = (await ready.json()) as { probes: { name: string; state: string; error?: string }[] };
    const bad = body.probes.find((probe) => probe.name === 'bad')!;
    expect(bad.state).toBe('failed');
    expect(bad.error).toMatch(cause);
    expect(agent.stderr).toMatch(cause);
    expect(agent.stderr).not.toMatch(/\n\s+at .*\.js:/);
    expect(await agent.sum('bee_agent_probe_up', 'probe="bad"')).toBe(0);
    expect(await agent.sum('bee_agent_probe_up', 'probe="good"')).toBe(1);
    await run(control, [SUBMIT!]);
    await agent.until(() => agent!.events.length === 1);
  });

  it('is fatal with --strict', async () => {
    const file = writeConfig(two(`file: ${failing.verifier}`));
    const { code, stderr } = await runAgent('--config', file, '--strict');
    expect(code).toBe(1);
    expect(stderr).toMatch(/failed to start: .*map_value_or_null/);
  });

  it('ends the agent when it is the only one', async () => {
    const file = writeConfig(`probes: [{ file: ${failing.verifier} }]\n${ANY_PORT}\n`);
    const { code, stderr } = await runAgent('--config', file);
    expect(code).toBe(1);
    expect(stderr).toMatch(/no probe is running/);
  });

  const misspelt = `file: ${'OBJECT'}, params: { scael: 1 }, maps: { print_controls: { filter: 'wya == 1' } }`;

  it('is told once with its place, and not tried again, where the config is what is wrong', async () => {
    agent = await AgentProcess.start(two(misspelt.replace('OBJECT', controls)));
    const { probes } = (await (await fetch(`${agent.url}/readyz`)).json()) as {
      probes: { name: string; state: string; error: string; retryAt?: string }[];
    };
    const bad = probes.find((probe) => probe.name === 'bad');
    expect(bad).toMatchObject({ state: 'failed' });
    expect(bad).not.toHaveProperty('retryAt');
    const file = join(agent.folder, 'probes.yaml');
    const [first, second, ...more] = bad!.error.split('\n');
    expect(first).toContain(`${file}:3:`);
    expect(first).toMatch(/:\d+: it has no parameter "scael"\. Did you mean "scale"\?/);
    expect(second).toMatch(/:3:\d+: map "print_controls": there is no field "wya"\. Did you mean "way"\?/);
    expect(more).toEqual([]);
    expect(agent.stderr.match(/scael/g)).toHaveLength(1);
    expect(agent.stderr).toContain('Not tried again');
    expect(await agent.sum('bee_agent_probe_up', 'probe="good"')).toBe(1);
  });

  it('ends the agent with exit code 2 where the config is wrong, and no probe is left or --strict', async () => {
    const mixed = writeConfig(
      `${two(misspelt.replace('OBJECT', controls)).replace('probes:', `probes:\n  - { file: ${failing.verifier}, name: refused }`)}`,
    );
    const strict = await runAgent('--config', mixed, '--strict');
    expect(strict.code).toBe(2);
    expect(strict.stderr).toMatch(/^\S+probes\.yaml:4:\d+: probe "bad": it has no parameter "scael"/m);
    expect(strict.stderr).toMatch(/probe \\"refused\\" failed to start: .*map_value_or_null/);
    const alone = writeConfig(`probes: [{ ${misspelt.replace('OBJECT', controls)} }]\n${ANY_PORT}\n`);
    const only = await runAgent('--config', alone);
    expect(only.code).toBe(2);
    expect(only.stderr.match(/scael/g)).toHaveLength(1);
    expect(only.stderr).toContain('no probe is running: the config of each is wrong');
  });

  it('names the image that is missing and the store that was searched', async () => {
    const storage = mkdtempSync(join(tmpdir(), 'bee-store-'));
    const config = `probes:\n  - { file: ${controls}, name: good }\n  - { image: "localhost:1/no/such:v1", name: bad, pull: never }\nagent: { listen: "127.0.0.1:0", storage: ${storage} }\n`;
    agent = await AgentProcess.start(config);
    expect(agent.stderr).toContain('localhost:1/no/such:v1');
    expect(agent.stderr).toContain(storage);
  });

  it('is tried again, and runs once its cause is gone', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'bee-agent-')), 'late.o');
    agent = await AgentProcess.start(two(`file: ${file}`));
    expect(await agent.sum('bee_agent_probe_up', 'probe="bad"')).toBe(0);
    copyFileSync(flood, file);
    await agent.until(async () => (await agent!.sum('bee_agent_probe_up', 'probe="bad"')) === 1, 20_000);
    await run(trigger, ['10', '10', '0']);
    await agent.until(() => agent!.events.some((event) => event.probe === 'bad'));
  }, 40_000);

  it('is an error, not a crash, when its object is damaged', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bee-agent-'));
    const whole = readFileSync(controls);
    const damaged: [string, Buffer][] = [
      ['empty.o', Buffer.alloc(0)],
      ['text.o', Buffer.from('int main() {}')],
      ['half.o', whole.subarray(0, whole.length >> 1)],
      ['header.o', whole.subarray(0, 64)],
      ['zeroed.o', Buffer.concat([whole.subarray(0, 64), Buffer.alloc(whole.length - 64)])],
      ['flipped.o', Buffer.from(whole.map((byte, i) => (i > 200 && i % 97 === 0 ? byte ^ 0xff : byte)))],
    ];
    for (const [name, bytes] of damaged) writeFileSync(join(folder, name), bytes);
    const list = damaged.map(([name]) => `  - { file: ${join(folder, name)} }`).join('\n');
    agent = await AgentProcess.start(
      `probes:\n  - { file: ${controls}, name: good }\n${list}\n${JSON_OUT}\n${ANY_PORT}\n`,
    );
    const body = (await (await fetch(`${agent.url}/readyz`)).json()) as {
      probes: { name: string; state: string; error?: string }[];
    };
    for (const probe of body.probes.slice(1, 6)) {
      expect(probe, probe.name).toMatchObject({ state: 'failed', error: expect.stringMatching(/\S/) });
      expect(probe.error).not.toMatch(/RangeError|undefined|TypeError/);
    }
    await run(control, [SUBMIT!]);
    await agent.until(() => agent!.events.some((event) => event.probe === 'good'));
  }, 30_000);
});

describe('start and stop', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'ends cleanly at %s, with what was read delivered',
    async (signal) => {
      agent = await AgentProcess.start(`probes: [{ file: ${flood} }]\n${JSON_OUT}\n${ANY_PORT}\n`);
      await run(trigger, ['5000', '500', '0']);
      const code = await agent.stop(signal);
      expect(code).toBe(0);
      expect(agent.events.length).toBe(5000);
    },
  );

  it('runs on with a --duration that no timer of Node can wait for', async () => {
    agent = await AgentProcess.start(`probes: [{ file: ${controls} }]\n${ANY_PORT}\n`, '--duration', '600h');
    await new Promise((done) => setTimeout(done, 200));
    expect(agent.child.exitCode, agent.stderr).toBeNull();
  });

  it('ends by itself after --duration', async () => {
    const file = writeConfig(`probes: [{ file: ${controls} }]\n${ANY_PORT}\n`);
    const { code, stderr } = await runAgent('--config', file, '--duration', '300ms');
    expect(code, stderr).toBe(0);
  });

  it('says so when its port is in use, and exits 1', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const file = writeConfig(`probes: [{ file: ${controls} }]\nagent: { listen: "127.0.0.1:${port}" }\n`);
    const { code, stderr } = await runAgent('--config', file);
    server.close();
    expect(code).toBe(1);
    expect(stderr).toContain(`127.0.0.1:${port} is in use`);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('listens on a UNIX socket that only its group may use, also over a stale one', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'bee-agent-')), 'agent.sock');
    for (let round = 0; round < 2; round++) {
      const file = writeConfig(`probes: [{ file: ${controls} }]\nagent: { listen: "unix:${path}" }\n`);
      const running = runAgent('--config', file, '--duration', '1500ms');
      while (!existsSync(path)) await new Promise((done) => setTimeout(done, 20));
      const ready = await new Promise<number>((resolve, reject) => {
        const poll = (): void => {
          request({ socketPath: path, path: '/healthz' }, (response) => {
            response.resume();
            resolve(response.statusCode!);
          })
            .on('error', (error: NodeJS.ErrnoException) =>
              error.code === 'ECONNREFUSED' || error.code === 'ENOENT' ? setTimeout(poll, 20) : reject(error),
            )
            .end();
        };
        poll();
      });
      expect(ready).toBe(200);
      expect(statSync(path).mode & 0o777).toBe(0o660);
      expect((await running).code).toBe(0);
      // What a killed agent leaves behind.
      if (round === 0 && !existsSync(path)) {
        const stale = createServer().listen(path);
        await once(stale, 'listening');
        await run('cp', ['--preserve=all', '-r', path, `${path}.kept`]).catch(() => {});
        stale.close();
        await once(stale, 'close');
        if (existsSync(`${path}.kept`)) await run('mv', [`${path}.kept`, path]);
      }
    }
  }, 30_000);
});

describe('the command line', () => {
  it('prints help and version to stdout, and exits 0', async () => {
    const help = await runAgent('--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const flag of ['--config', '--check', '--duration', '--log-level', '--strict', '--version']) {
      expect(help.stdout).toContain(flag);
    }
    const version = await runAgent('--version');
    expect(version.code).toBe(0);
    expect(version.stdout).toMatch(/^bee-agent \d+\.\d+\.\d+\n$/);
  });

  it.each([
    [['--confg', 'x'], /unknown option '--confg'/],
    [['--duration', '5'], /500ms, 30s, 5m/],
    [['--log-level', 'loud'], /Allowed choices are error, warn, info, debug/],
    [['--config'], /argument missing/],
    [['extra'], /too many arguments: found extra, expected options only\.\n$/],
    [['probes.yaml'], /too many arguments: .* Did you mean --config probes\.yaml\?/],
    [['--config', '/no/such/file.yaml'], /\/no\/such\/file\.yaml/],
  ])('refuses %j with exit code 2', async (flags, message) => {
    const { code, stdout, stderr } = await runAgent(...flags);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('finds ./probes.yaml, and says where it looked when there is none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bee-agent-'));
    const none = await runAgentWith({ cwd: folder }, '--check');
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/probes\.yaml/);
    expect(none.stderr).toMatch(/\/etc\/bee-agent/);
    writeFileSync(join(folder, 'probes.yaml'), `probes: [{ file: ${controls} }]\n`, { mode: 0o600 });
    const found = await runAgentWith({ cwd: folder }, '--check');
    expect(found).toMatchObject({ code: 0, stdout: expect.stringContaining('probes.yaml: ok') });
  });

  it('refuses, as root, a config that others can write', async () => {
    const file = writeConfig(`probes: [{ file: ${controls} }]\n`);
    await run('chmod', ['666', file]);
    const { code, stderr } = await runAgent('--config', file, '--check');
    expect(code).toBe(2);
    expect(stderr).toMatch(/chmod/);
  });
});

describe('--check', () => {
  const probe = (map: string): string =>
    `probes:\n  - file: OBJECT\n    name: c\n    maps:\n      print_controls: ${map}\n`;
  it.each([
    ['a tab', 'probes:\n\t- file: x\n', '2:1'],
    ['an unknown key', 'probes:\n  - file: OBJECT\n    flter: x\n', '3:5'],
    ['a probe twice', 'probes:\n  - { file: OBJECT, name: a }\n  - { file: OBJECT, name: a }\n', '3:53'],
    ['a wrong type', 'probes: 5\n', '1:9'],
    ['a missing variable', 'probes:\n  - file: "$' + '{NO_SUCH_VARIABLE}/x.o"\n', '2:12'],
    ['a file that is not there', 'probes:\n  - file: /no/such.o\n', '2:11'],
    ['an image that is not there', 'probes:\n  - image: localhost:1/none:v1\n', '2:12'],
    ['an unknown map', 'probes:\n  - file: OBJECT\n    maps:\n      print_contrls: {}\n', '4:'],
    ['an unknown parameter', 'probes:\n  - file: OBJECT\n    params: { scael: 1 }\n', '3:22'],
    ['a parameter out of range', 'probes:\n  - file: OBJECT\n    params: { scale: 5000000000 }\n', '3:22'],
    ['a parameter of the wrong type', 'probes:\n  - file: OBJECT\n    params: { scale: many }\n', '3:22'],
    ['a filter with a mistake', probe("{ filter: 'way == ' }"), '5:33'],
    ['a filter on no field', probe("{ filter: 'wya == 1' }"), '5:33'],
    ['an unknown label', probe('{ export: counter, labels: [wya] }'), '5:51'],
    ['a value that is no number', probe('{ export: gauge, value: text }'), '5:47'],
    ['a histogram without a value', probe('{ export: histogram }'), '5:'],
    ['buckets that go down', probe('{ export: histogram, value: scaled, buckets: [3, 1] }'), '5:'],
    ['a bad metric name', probe('{ export: counter, metric: "1x" }'), '5:50'],
    ['a duration without a unit', probe('{ interval: 5 }'), '5:35'],
    ['a timestamp that is none', probe('{ timestamp: way }'), '5:36'],
    ['an unknown sink', 'probes:\n  - file: OBJECT\n    sinks: [nowhere]\n', '3:13'],
    ['a sink of no type', 'probes:\n  - file: OBJECT\nsinks:\n  s: {}\n', '4:6'],
    [
      'a sink that cannot be found',
      'probes:\n  - file: OBJECT\nsinks:\n  s: { type: ./no-sink.js }\n',
      '4:14',
    ],
    ["a sink's bad option", 'probes:\n  - file: OBJECT\nsinks:\n  s: { type: stdout, format: xml }\n', '4:'],
    ['a bad address', 'probes:\n  - file: OBJECT\nagent: { listen: nowhere }\n', '3:18'],
    ['a reserved label', 'probes:\n  - file: OBJECT\nagent: { labels: { probe: x } }\n', '3:'],
  ])('says where and why: %s', async (title, text, at) => {
    const file = writeConfig(text.replaceAll('OBJECT', controls));
    const { code, stdout, stderr } = await runAgent('--config', file, '--check');
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`${file}:${at}`);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stderr.trim().split('\n').length, stderr).toBeLessThanOrEqual(3);
    if (title.startsWith('a filter')) expect(stderr).toMatch(/column \d+/);
  });

  it('reports every problem, not the first', async () => {
    const file = writeConfig(
      `probes:\n  - file: ${controls}\n    params: { a: 1, b: 2 }\n    maps: { print_controls: { filter: "nope == 1" } }\n  - file: /no/such.o\n`,
    );
    const { code, stderr } = await runAgent('--config', file, '--check');
    expect(code).toBe(2);
    for (const at of ['3:18', '3:24', '4:', '5:11']) expect(stderr).toContain(`${file}:${at}`);
  });

  it('reports what is wrong in the file and behind it together, in the order of lines', async () => {
    const file = writeConfig(`probes:
  - file: ${controls}
    name: c
    flter: 5
    params: { scael: 1, scale: 5000000000 }
    maps:
      print_controls:
        export: counter
        filter: 'wya == 1'
        labels: [way, wyy, txet]
        value: nope
        timestamp: way
      print_contrls: { export: event }
  - { file: ${controls}, name: d, maps: { print_controls: { export: countr, filter: 'wya == 1' } } }
  - { file: /no/such.o, sinks: [gone] }
sinks:
  s: { type: stdout, format: xml, queue: { timeout: 5 } }
  t: { type: ./no-sink.js }
agent: { listen: nowhere }
`);
    const { code, stderr } = await runAgent('--config', file, '--check');
    expect(code).toBe(2);
    const places = [...stderr.matchAll(/^\S+probes\.yaml:(\d+:\d+): /gm)].map(([, place]) => place);
    const [file14, file15] = ['14:', '15:'].map((line) => expect.stringMatching(`^${line}`));
    expect(places, stderr).toEqual([
      ...['4:5', '5:22', '5:32', '9:17', '10:23', '10:28', '11:16', '12:20', '13:22'],
      ...[file14, file15, file15, '17:30', '17:53', '18:14', '19:18'],
    ]);
    expect(stderr.match(/scael/g)).toHaveLength(1);
  });

  it('says where series go before a sink is told of them, and of no other sink', async () => {
    const file = writeConfig(`probes:
  - { file: ${controls}, name: c, maps: { print_controls: { export: counter, labels: [way], expire: 100s } } }
  - { file: ${controls}, name: d, sinks: [pushed], maps: { print_controls: { export: counter, labels: [way], metric: d_total, expire: 2m } } }
sinks:
  pushed: { type: otlp, endpoint: "http://127.0.0.1:1" }
  soon: { type: otlp, endpoint: "http://127.0.0.1:1", interval: 10s }
  scraped: { type: prometheus }
`);
    const { code, stdout, stderr } = await runAgent('--config', file, '--check');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n').filter((line) => line.includes('expire'))).toEqual([
      '    print_controls: series expire after 1m40s, and sink "pushed" is told every 1m: what they count at last may never reach it. Give expire at least twice that',
    ]);
  });

  it('says which keys of a map have no effect', async () => {
    const file = writeConfig(`probes:
  - { file: ${controls}, name: c, maps: { print_controls: { labels: [way], buckets: [1, 2], filter: way == 1 } } }
  - { file: ${controls}, name: d, maps: { print_controls: { export: counter, labels: [way], buckets: [1, 2] } } }
  - { file: ${controls}, name: e, maps: { print_controls: { export: histogram, value: scaled, labels: [way], buckets: [1, 2], metric: e } } }
`);
    const { code, stdout, stderr } = await runAgent('--config', file, '--check');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.split('\n').filter((line) => line.includes('no effect'))).toEqual([
      '    print_controls: labels, buckets have no effect: its export is event',
      '    print_controls: buckets has no effect: its export is counter',
    ]);
  });

  it('touches nothing: a config that is right says what would run', async () => {
    const truncated = join(mkdtempSync(join(tmpdir(), 'bee-agent-')), 'x.o');
    copyFileSync(controls, truncated);
    const file = writeConfig(`probes:\n  - { file: ${truncated}, name: c }\n`);
    const fine = await runAgent('--config', file, '--check');
    expect(fine).toMatchObject({ code: 0, stderr: '' });
    expect(fine.stdout).toMatch(/probe c: 1 programs?; print_controls → event/);
    truncateSync(truncated, 500);
    expect((await runAgent('--config', file, '--check')).code).toBe(2);
  });
});
