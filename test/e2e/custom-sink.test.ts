import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AgentProcess, readSlots, runAgent, writeConfig } from '../support/agent.js';
import { beeOk } from '../support/bee.js';
import { compileProbe, compileProgram } from '../support/compile.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const example = (file: string): string => here(`../../examples/custom-sink/${file}`);

const COUNT = 'produced_sinks';

/** A real HTTP endpoint that keeps the lines of the requests that it took. */
class Endpoint {
  readonly lines: string[] = [];
  requests = 0;
  /** Answer the n-th request in another way, and keep nothing of it. */
  trouble: (n: number, response: ServerResponse, headers: IncomingHttpHeaders) => boolean = () => false;
  private readonly server: Server;

  constructor() {
    this.server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      if (this.trouble(++this.requests, response, request.headers)) return;
      this.lines.push(...Buffer.concat(chunks).toString().trimEnd().split('\n'));
      response.end();
    });
  }

  async listen(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/events`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('a custom sink in the agent', () => {
  let object: string;
  let trigger: string;
  let endpoint: Endpoint;
  let url: string;
  let agent: AgentProcess | undefined;
  beforeAll(() => {
    // A count of its own name: other agents on the machine may run the same probe.
    object = compileProbe(here('./probes/flood.bpf.c'), `-Dproduced=${COUNT}`);
    trigger = compileProgram(here('./probes/trigger.c'));
  });
  beforeEach(async () => {
    endpoint = new Endpoint();
    url = await endpoint.listen();
  });
  afterEach(async () => {
    await agent?.stop();
    agent = undefined;
    endpoint.close();
  });

  const config = (sinks: string): string => `
probes:
  - { file: ${object}, name: flood }
sinks:
  out: { type: stdout, format: json }
  prom: { type: prometheus }
${sinks}
agent: { listen: "127.0.0.1:0" }
`;
  const of = (sink: string, what: string, ...labels: string[]): Promise<number> =>
    agent!.sum(`bee_agent_sink_${what}`, `sink="${sink}"`, ...labels);

  it('gets every event, line by line what stdout gets, through an endpoint in trouble', async () => {
    endpoint.trouble = (n, response, headers) => {
      expect(headers['content-type']).toBe('application/x-ndjson');
      if (n === 2) response.writeHead(503).end('restarting\n');
      else if (n === 4) response.writeHead(429, { 'retry-after': '1' }).end();
      else if (n === 6) response.destroy();
      return n === 2 || n === 4 || n === 6;
    };
    agent = await AgentProcess.start(config(`  hook: { type: ${example('webhook.js')}, url: "${url}" }`));
    await run(trigger, ['20000', '100', '1000']);
    // A busy machine makes larger batches, and fewer: on until each trouble has come.
    for (let more = 0; more < 50 && endpoint.requests <= 6; more++)
      await run(trigger, ['500', '100', '5000']);
    const [, events] = readSlots(agent, COUNT);
    expect(events).toBeGreaterThanOrEqual(20_000);
    await agent.until(() => endpoint.requests > 6 && agent!.events.length >= events!, 30_000);
    await agent.until(async () => (await of('hook', 'delivered_total')) === events, 30_000);
    expect(endpoint.lines).toEqual(agent.stdout.trimEnd().split('\n'));
    expect(endpoint.lines.length).toBe(events);
    expect(await of('hook', 'received_total', 'map="print_flood"')).toBe(events);
    expect(await of('hook', 'lost_total')).toBe(0);
    expect(await of('hook', 'queued')).toBe(0);
    expect(await of('hook', 'errors_total')).toBe(3);
    expect(await of('hook', 'restarts_total')).toBe(0);
    // What the sink counts of itself: bytes of the requests that were taken.
    const bytes = endpoint.lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    await agent.until(async () => (await of('hook', 'sent_bytes_total')) === bytes);
    expect(await agent.stop()).toBe(0);
  }, 90_000);

  it('may be what bee init --sink wrote, as it is: every event arrives', async () => {
    const folder = join(mkdtempSync(join(tmpdir(), 'bee-sink-')), 'mine');
    await beeOk(['init', '--sink', 'mine', '-l', 'JavaScript', '-f', folder]);
    agent = await AgentProcess.start(config(`  mine: { type: ${folder}/sink.js, url: "${url}" }`));
    await run(trigger, ['20000', '100', '1000']);
    const [, events] = readSlots(agent, COUNT);
    await agent.until(async () => (await of('mine', 'delivered_total')) === events, 30_000);
    expect(endpoint.lines.length).toBe(events);
    expect(endpoint.lines).toEqual(agent.stdout.trimEnd().split('\n'));
    const bytes = endpoint.lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
    await agent.until(async () => (await of('mine', 'sent_bytes_total')) === bytes);
  }, 60_000);

  it('counts what the endpoint refuses as lost, and says why', async () => {
    endpoint.trouble = (_n, response) => {
      response.writeHead(400).end('unknown field: seq\n');
      return true;
    };
    agent = await AgentProcess.start(config(`  hook: { type: ${example('webhook.js')}, url: "${url}" }`));
    await run(trigger, ['1000', '100', '1000']);
    const [, events] = readSlots(agent, COUNT);
    await agent.until(async () => (await of('hook', 'lost_total', 'reason="dropped"')) === events, 20_000);
    expect(await of('out', 'delivered_total')).toBe(events);
    expect(agent.stderr).toMatch(/events lost: HTTP 400 unknown field: seq/);
  }, 60_000);

  it('loses nothing of others while it spins, and is itself taken up again', async () => {
    const spins = here('../fixtures/sinks/isolated/spins-once.js');
    agent = await AgentProcess.start(
      config(`  hook: { type: ${example('webhook.js')}, url: "${url}" }\n  spins: { type: ${spins} }`),
    );
    await run(trigger, ['20000', '100', '1000']);
    const [, events] = readSlots(agent, COUNT);
    await agent.until(() => agent!.events.length >= events! && endpoint.lines.length >= events!, 30_000);
    expect(await of('spins', 'queued')).toBeGreaterThan(0);
    await agent.until(async () => (await of('spins', 'delivered_total')) === events, 30_000);
    for (const sink of ['out', 'hook', 'spins']) {
      expect(await of(sink, 'delivered_total')).toBe(events);
      expect(await of(sink, 'lost_total')).toBe(0);
    }
  }, 90_000);

  it('cannot make others lose anything: it spins, leaks, throws from timers, exits, all of that at once', async () => {
    const inThread = ['spin', 'leak', 'timer', 'late timer', 'exit', 'memory', 'throw null'];
    const inProcess = [...inThread, 'rejection', 'set', 'segv', 'one array', 'small buffers'];
    const bad = [
      ...inProcess.map((how) => ({ how, isolate: 'process' })),
      ...inThread.map((how) => ({ how, isolate: 'thread' })),
    ];
    type Bad = (typeof bad)[number];
    const misbehaves = here('../fixtures/sinks/isolated/misbehaves.js');
    const folder = mkdtempSync(join(tmpdir(), 'bee-bad-'));
    const name = ({ how, isolate }: Bad): string => `bad-${isolate}-${how.replace(' ', '-')}`;
    const own = (one: Bad): string =>
      `how: ${one.how}, at: print_flood, out: ${folder}/${name(one)}.out, marker: ${folder}/${name(one)}.marker`;
    agent = await AgentProcess.start(
      config(
        [
          `  hook: { type: ${example('webhook.js')}, url: "${url}" }`,
          '  file: { type: file, path: events.ndjson }',
          ...bad.map(
            (one) =>
              `  ${name(one)}: { type: ${misbehaves}, isolate: ${one.isolate}, ${own(one)}, queue: { timeout: 3s } }`,
          ),
        ].join('\n'),
      ),
    );
    // Over some seconds, so that there is something to lose all the while.
    await run(trigger, ['60000', '100', '5000']);
    // The leak may have died of itself with nothing to write: the next event finds that out.
    const leaked = /sink=bad-(process|thread)-leak.*used more than 256 MiB of heap/g;
    await agent.until(() => (agent!.stderr.match(leaked)?.length ?? 0) >= 2, 30_000);
    await run(trigger, ['1000', '100', '5000']);
    const [wanted, events, groups] = readSlots(agent, COUNT);
    expect([events, groups]).toEqual([wanted, wanted]);
    const healthy = ['out', 'hook', 'file'];
    for (const sink of [...healthy, ...bad.map(name)]) {
      await agent.until(async () => (await of(sink, 'delivered_total')) === events, 60_000);
      expect(await of(sink, 'received_total')).toBe(events);
      expect(await of(sink, 'lost_total')).toBe(0);
      expect(await of(sink, 'queued')).toBe(0);
    }
    // Each line once, in order, where nothing failed; at least once where something did.
    const lines = agent.stdout.trimEnd().split('\n');
    expect(lines.length).toBe(events);
    expect(endpoint.lines).toEqual(lines);
    expect(readFileSync(join(agent.folder, 'events.ndjson'), 'utf8')).toBe(agent.stdout);
    for (const one of bad) {
      const taken = new Set(
        readFileSync(join(folder, `${name(one)}.out`), 'utf8')
          .trimEnd()
          .split('\n'),
      );
      expect(
        lines.filter((line) => !taken.has(line)),
        name(one),
      ).toEqual([]);
    }
    // The probe: what it produced was read, and none of it lost.
    expect(await agent.sum('bee_agent_records_lost_total')).toBe(0);
    expect(await agent.sum('ebpf_groups_total')).toBe(groups);
    // At whose door it is laid.
    for (const sink of healthy) expect(await of(sink, 'errors_total'), sink).toBe(0);
    for (const one of bad) {
      const restarts = await of(name(one), 'restarts_total');
      expect((await of(name(one), 'errors_total')) + restarts, name(one)).toBeGreaterThan(0);
      if (one.how === 'throw null') expect(restarts, name(one)).toBe(0);
      // On a busy machine one may be ended a second time, for being late.
      else expect(restarts, name(one)).toBeGreaterThanOrEqual(1);
    }
    const outOfMemory =
      'used more than (1024 MiB of heap at once|256 MiB of heap)|ran out of memory|did not react to its signal';
    for (const why of [
      // On a busy machine its time is up before its memory is.
      ...['process-memory', 'thread-memory', 'process-set', 'process-one-array', 'process-small-buffers'].map(
        (which) => new RegExp(`sink=bad-${which}.*(${outOfMemory})`),
      ),
      /sink=bad-process-timer.*thrown from a timer \(.*misbehaves\.js:\d+\)/,
      /sink=bad-thread-timer.*thrown from a timer \(.*misbehaves\.js:\d+\)/,
      /sink=bad-process-late-timer.*thrown between writes/,
      /sink=bad-process-exit.*ended its own process, with code 3/,
      /sink=bad-thread-exit.*ended its own thread, with code 3/,
      /sink=bad-process-rejection.*rejected and forgotten/,
      /sink=bad-process-spin.*did not react to its signal/,
      /sink=bad-process-segv.*it crashed \(SIGSEGV\)/,
    ])
      expect(agent.stderr).toMatch(why);
    // Nothing of V8's dump of its stack.
    expect(agent.stderr).not.toMatch(/Native stack trace|Last few GCs|node::/);
    expect((await fetch(`${agent.url}/readyz`)).status).toBe(200);
    expect(await agent.stop()).toBe(0);
    rmSync(folder, { recursive: true });
  }, 150_000);

  it('has everything before it is ended, though what stops the agent is sent to its sinks as well', async () => {
    const misbehaves = here('../fixtures/sinks/isolated/misbehaves.js');
    const out = join(mkdtempSync(join(tmpdir(), 'bee-group-')), 'out');
    agent = await AgentProcess.start(
      config(`  mine: { type: ${misbehaves}, out: ${out}, marker: /dev/null }`),
    );
    const { pid } = agent.child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
    expect(children).toHaveLength(1);
    await run(trigger, ['20000', '100', '1000']);
    const [wanted, events] = readSlots(agent, COUNT);
    expect(wanted).toBe(20_000);
    // As Ctrl-C in a terminal does, or systemd with all that a service has started.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      for (const child of children) process.kill(child, signal);
    expect(await agent.stop()).toBe(0);
    const lines = readFileSync(out, 'utf8').trimEnd().split('\n');
    expect(lines.pop()).toBe('closed');
    expect(lines).toEqual(agent.stdout.trimEnd().split('\n'));
    expect(lines.length).toBe(events);
    expect(children.filter((child) => existsSync(`/proc/${child}/exe`))).toEqual([]);
  }, 60_000);

  it.each(['process', 'thread', true, false])(
    'is found relative to the config file, by path and by package, isolate: %s',
    async (isolate) => {
      const file = writeConfig(
        config(
          `  path: { type: ./my/sink.js, isolate: ${isolate} }\n  package: { type: mark, isolate: ${isolate} }`,
        ),
      );
      const folder = dirname(file);
      const sink = (name: string): string => `
      import { writeFileSync } from 'node:fs';
      import { defineSink } from 'bee-agent';
      import { z } from 'zod';
      export default defineSink({
        apiVersion: 1, type: 'mark', accepts: { events: ['ndjson'], metrics: false }, options: z.strictObject({}),
        open(_options, context) {
          writeFileSync(${JSON.stringify(join(folder, name))}, context.name);
          return { write: async () => ({ status: 'ok' }), close() {} };
        },
      });`;
      mkdirSync(join(folder, 'my'));
      writeFileSync(join(folder, 'my/sink.js'), sink('path.opened'));
      mkdirSync(join(folder, 'node_modules/bee-sink-mark'), { recursive: true });
      writeFileSync(
        join(folder, 'node_modules/bee-sink-mark/package.json'),
        '{"name":"bee-sink-mark","type":"module","exports":{"import":"./index.js"}}',
      );
      writeFileSync(join(folder, 'node_modules/bee-sink-mark/index.js'), sink('package.opened'));
      const { code, stderr } = await runAgent('--config', file, '--duration', '6s');
      // A busy machine may let a sink hold the main thread.
      expect(stderr).not.toMatch(/level=(?:warn|error)(?!.*held the main thread)|WARN|ERROR/);
      expect(code).toBe(0);
      for (const name of ['path', 'package'])
        expect(readFileSync(join(folder, `${name}.opened`), 'utf8')).toBe(name);
    },
    60_000,
  );

  it('is checked by --check without being opened: module, shape and options, each with its line', async () => {
    const file = writeConfig(
      config(`
  lost: { type: ./lost.js }
  nothing: { type: nothing }
  shape: { type: ./shape.mjs }
  options: { type: ./webhook.js, url: nowhere, retries: 3 }`),
    );
    const folder = dirname(file);
    copyFileSync(example('webhook.js'), join(folder, 'webhook.js'));
    writeFileSync(join(folder, 'shape.mjs'), 'export default { apiVersion: 1, type: "x", accepts: {} };');
    const { code, stderr } = await runAgent('--config', file, '--check');
    expect(code).toBe(2);
    const lines = stderr.trimEnd().split('\n');
    expect(lines.filter((line) => line.includes('probes.yaml:'))).toHaveLength(lines.length);
    expect(stderr).toMatch(/probes.yaml:8:\d+: .*lost.js: no such file/);
    expect(stderr).toMatch(/probes.yaml:9:\d+: .*"nothing" is neither a sink of ours/);
    expect(stderr).toMatch(/probes.yaml:10:\d+: .*shape.mjs: accepts.events is missing/);
    expect(stderr).toMatch(/probes.yaml:11:\d+: .*url/);
    expect(stderr).toMatch(/probes.yaml:11:\d+: .*retries/);
    expect(stderr).not.toMatch(/\n\s+at /);
  }, 60_000);

  it.runIf(process.getuid?.() === 0)('is refused, as root, when anybody could have written it', async () => {
    const file = writeConfig(config('  open: { type: ./open.mjs }'));
    const module = join(dirname(file), 'open.mjs');
    writeFileSync(module, 'export default {};');
    chmodSync(module, 0o666);
    const { code, stderr } = await runAgent('--config', file, '--check');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /probes.yaml:7:\d+: .*open.mjs: refused, as root: others can write it.*chmod go-w/,
    );
  });

  it('comes with a config and a test that work as they are written', async () => {
    const { stdout } = await run(process.execPath, ['--test', example('webhook.test.js')]);
    expect(stdout).toMatch(/(# |ℹ )fail 0/);
    expect(existsSync(example('README.md'))).toBe(true);
    const text = readFileSync(example('probes.yaml'), 'utf8');
    const file = writeConfig(text.replace(/image: \S+/, `file: ${object}`));
    copyFileSync(example('webhook.js'), join(dirname(file), 'webhook.js'));
    expect(await runAgent('--config', file, '--check')).toMatchObject({ code: 0, stderr: '' });
  }, 60_000);
});
