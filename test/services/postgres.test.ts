import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess, readSlots } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { installPackage } from '../support/installed.js';
import { installedPostgres, PostgresServer } from './postgres-server.js';
import { eventually } from './service.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const EXAMPLE = here('../../examples/sinks/postgres');
const COUNT = 'produced_pg';

const programs = installedPostgres();

describe.skipIf(!programs)('the example sink for PostgreSQL (skipped where it is not installed)', () => {
  let server: PostgresServer;
  let modules: string;
  beforeAll(async () => {
    server = await PostgresServer.create(programs!);
    // As npm would install it: a package beside its dependency, neither of them the agent's.
    const project = mkdtempSync(join(tmpdir(), 'bee-modules-'));
    installPackage(project);
    modules = join(project, 'node_modules');
    cpSync(EXAMPLE, join(modules, 'bee-sink-postgres'), {
      recursive: true,
      filter: (path) => !path.includes('node_modules/', EXAMPLE.length),
    });
  });
  afterAll(async () => {
    await server?.remove();
    if (modules) rmSync(join(modules, '..'), { recursive: true, force: true });
  });

  it('keeps the contract, against the real thing, which hangs when it is told to', async () => {
    const env = { ...process.env, DATABASE_URL: server.url };
    const { stdout } = await run(process.execPath, ['--test', 'sink.test.js'], {
      env,
      cwd: join(modules, 'bee-sink-postgres'),
    });
    expect(stdout).toMatch(/(# |ℹ )pass 3/);
    expect(stdout).toMatch(/(# |ℹ )skipped 0/);
  });

  it('stores every event once, exact to the last digit, though the database crashes meanwhile', async () => {
    const object = compileProbe(here('../e2e/probes/flood.bpf.c'), `-Dproduced=${COUNT}`);
    const trigger = compileProgram(here('../e2e/probes/trigger.c'));
    const agent = await AgentProcess.start(
      `probes: [{ file: ${object}, name: flood }]
sinks:
  out: { type: stdout, format: json }
  prom: { type: prometheus }
  db: { type: ${join(modules, 'bee-sink-postgres/sink.js')}, url: "${server.url}", queue: { timeout: 5s } }
agent: { listen: "127.0.0.1:0" }
`,
    );
    try {
      const flood = run(trigger, ['40000', '100', '5000']);
      const stored = async (): Promise<number> =>
        Number((await server.query('SELECT count(*) FROM bee_events'))[0]!.count);
      await eventually(async () => ((await stored().catch(() => 0)) > 0 ? true : undefined));
      await server.crash();
      await new Promise((done) => setTimeout(done, 1000));
      await server.start();
      await flood;
      const [wanted, events] = readSlots(agent, COUNT);
      expect(events).toBe(wanted);
      const of = (what: string): Promise<number> => agent.sum(`bee_agent_sink_${what}`, 'sink="db"');
      await agent.until(async () => (await of('delivered_total')) === events, 60_000);
      expect(await stored()).toBe(events);
      expect(await of('lost_total')).toBe(0);
      expect(await of('errors_total')).toBeGreaterThan(0);
      await agent.until(() => agent.events.length === events);
      // The database compares: numbers by their digits, and how often each event is there.
      const lines = `[${agent.stdout.trimEnd().replaceAll('\n', ',')}]`;
      const [differing] = await server.query(
        `WITH shown AS (SELECT jsonb_array_elements($1::jsonb) AS event)
         SELECT count(*) FROM (
           (SELECT event FROM shown EXCEPT ALL SELECT event FROM bee_events)
           UNION ALL
           (SELECT event FROM bee_events EXCEPT ALL SELECT event FROM shown)
         ) AS differing`,
        [lines],
      );
      expect(differing).toEqual({ count: '0' });
      const [times] = await server.query(
        `SELECT count(*) FROM bee_events WHERE time <> (event->>'timestamp')::timestamptz`,
      );
      expect(times).toEqual({ count: '0' });
    } finally {
      await agent.stop();
    }
  });
});
