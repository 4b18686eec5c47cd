import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { AgentProcess, runAgent, writeConfig } from '../support/agent.js';
import { compileProbe } from '../support/compile.js';

const SOURCE = fileURLToPath(new URL('./probes/packets.bpf.c', import.meta.url));
const OUT = 'sinks: { out: { type: stdout, format: json } }\nagent: { listen: "127.0.0.1:0" }\n';
const REASON = 'nothing in section xdp says what to attach it to';

describe('programs that nothing attaches', () => {
  let lone: string;
  let mixed: string;
  let agent: AgentProcess | undefined;
  beforeAll(() => {
    lone = compileProbe(SOURCE);
    mixed = compileProbe(SOURCE, '-DWITH_EXEC');
  });
  afterEach(() => agent?.stop());

  it('are a mistake where the probe has no other: said before the kernel and by --check', async () => {
    const file = writeConfig(`probes:\n  - { file: ${lone}, name: p }\n${OUT}`);
    for (const flags of [['--check'], []]) {
      const { code, stderr } = await runAgent('--config', file, ...flags);
      expect(code, stderr).toBe(2);
      expect(stderr).toContain(`${file}:2:13`);
      expect(stderr).toContain(`none of its programs would be attached`);
      expect(stderr).toContain(`program on_packet: ${REASON}`);
      expect(stderr).not.toContain('"running: ');
    }
  });

  it('are named beside others: in the log, the status, its page and --check', async () => {
    const config = `probes: [{ file: ${mixed}, name: p }]\n${OUT}`;
    const checked = await runAgent('--config', writeConfig(config), '--check');
    expect(checked).toMatchObject({ code: 0, stderr: '' });
    expect(checked.stdout).toContain(`not attached: program on_packet: ${REASON}`);
    agent = await AgentProcess.start(config);
    expect(agent.stderr).toContain(`program on_packet is not attached: ${REASON}`);
    expect(agent.stderr).toMatch(/running: tracepoint\/sched\/sched_process_exec\W*\n/);
    const { probes } = (await (await fetch(`${agent.url}/readyz`)).json()) as {
      probes: { programs: unknown }[];
    };
    expect(probes[0]?.programs).toEqual(
      expect.arrayContaining([
        { name: 'on_packet', section: 'xdp', notAttached: REASON },
        { name: 'on_exec', section: 'tracepoint/sched/sched_process_exec' },
      ]),
    );
    expect(await (await fetch(`${agent.url}/`)).text()).toContain('program on_packet is not attached');
    execFileSync('true');
    await agent.until(() => (agent?.events.length ?? 0) > 0);
  });
});
