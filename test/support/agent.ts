import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dumpMap } from './kernel-map.js';

const MAIN = fileURLToPath(new URL('../../dist/bin/bee-agent.js', import.meta.url));

/** A real bee-agent process, as a user starts it, listening on a port of its own. */
export class AgentProcess {
  stdout = '';
  stderr = '';
  url = '';

  private constructor(
    readonly child: ChildProcess,
    readonly folder: string,
  ) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  /** Write `config` to a folder of its own and start; resolves once it listens and is ready, or has ended. */
  static async start(config: string, ...flags: string[]): Promise<AgentProcess> {
    const agent = await AgentProcess.begin(config, ...flags);
    await agent.until(async () => agent.child.exitCode !== null || (await agent.ready()), 20_000);
    return agent;
  }

  /** The same; resolves once it listens, or has ended. */
  static async begin(config: string, ...flags: string[]): Promise<AgentProcess> {
    const file = writeConfig(config);
    const child = spawn(process.execPath, [MAIN, '--config', file, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const agent = new AgentProcess(child, dirname(file));
    await agent.until(
      () => /listening on (http:\S+?)"?\n/.test(agent.stderr) || child.exitCode !== null,
      20_000,
    );
    agent.url = /listening on (http:[^\s"]+)/.exec(agent.stderr)?.[1] ?? '';
    return agent;
  }

  private async ready(): Promise<boolean> {
    return fetch(`${this.url}/readyz`).then(
      (response) => response.ok,
      () => false,
    );
  }

  /** Poll until `condition` holds; fails with the agent's log otherwise. */
  async until(condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
    const end = Date.now() + ms;
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`timed out. The agent's log:\n${this.stderr}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }

  get events(): { timestamp: string; probe: string; map: string; data: Record<string, unknown> }[] {
    return this.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  /** Samples of `/metrics`: `name{labels}` → value. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const samples = new Map<string, number>();
    for (const line of text.split('\n')) {
      const match = /^([^#\s][^\s{]*(?:\{.*\})?) (\S+)$/.exec(line);
      if (!match) continue;
      if (samples.has(match[1]!)) throw new Error(`a series twice: ${match[1]}`);
      samples.set(match[1]!, Number(match[2]));
    }
    return samples;
  }

  /** Sum of the samples of `name` whose labels contain all of `labels`. */
  async sum(name: string, ...labels: string[]): Promise<number> {
    let sum = 0;
    for (const [series, value] of await this.metrics()) {
      const [family, text = ''] = series.split('{', 2);
      if (family === name && labels.every((label) => text.includes(label))) sum += value;
    }
    return sum;
  }

  /**
   * The sum of the design by sink and map, all figures of one scrape: received = delivered + filtered + lost + queued.
   * Gives those for which it does not hold; fails where there is none at all.
   */
  async brokenSums(): Promise<string[]> {
    const sums = new Map<string, { received: number; accounted: number }>();
    for (const [series, value] of await this.metrics()) {
      const name = /^bee_agent_sink_(received|delivered|filtered|lost|queued)(?:_total)?\{/.exec(series)?.[1];
      if (!name) continue;
      const of = ['sink', 'probe', 'map'].map(
        (label) => new RegExp(`[{,]${label}="([^"]*)"`).exec(series)![1],
      );
      const sum = sums.get(of.join('/')) ?? { received: 0, accounted: 0 };
      sum[name === 'received' ? 'received' : 'accounted'] += value;
      sums.set(of.join('/'), sum);
    }
    if (sums.size === 0) throw new Error('no sink counts anything');
    return [...sums]
      .filter(([, { received, accounted }]) => received !== accounted)
      .map(([of, { received, accounted }]) => `${of}: received ${received}, accounted for ${accounted}`);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, 'close');
      this.child.kill(signal);
      await ended;
    }
    return this.child.exitCode;
  }
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run bee-agent until it ends by itself. */
export function runAgent(...flags: string[]): Promise<Ended> {
  return runAgentWith({}, ...flags);
}

export async function runAgentWith(
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv },
  ...flags: string[]
): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...flags], { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
  await once(child, 'close');
  clearTimeout(late);
  return { code: child.exitCode, stdout, stderr };
}

/** Write a config to a folder of its own; returns the file. */
export function writeConfig(text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'bee-agent-')), 'probes.yaml');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

/** The u64 slots of an agent's array map, as bpftool reads them: not the agent's own figures. */
export function readSlots(agent: AgentProcess, map: string): number[] {
  return dumpMap(agent.child.pid!, map).map(({ value }) => value as number);
}
