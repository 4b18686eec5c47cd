import { openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, cpuSeconds } from './process.js';
import { ROOT, WORK } from './tools.js';

let configs = 0;
/** What users run. */
export const BUILD = join(ROOT, 'dist/bin/bee-agent.js');
let main = BUILD;
/** Not bundled: its profile tells the folders apart. */
const PROFILED = join(ROOT, 'dist/core/agent/entry.js');

/** Measure another build of the agent. */
export function useAgent(file: string): void {
  main = file;
}

export const agentMain = (): string => main;

/** The agent as a user runs it, on a config of the bench. */
export class Agent {
  private constructor(
    readonly child: Child,
    readonly url: string,
  ) {}

  /** `output`: file for stdout. `nodeFlags`: of a profile. */
  static async start(config: string, output?: string, nodeFlags: readonly string[] = []): Promise<Agent> {
    const file = join(WORK, `config-${configs++}.yaml`);
    writeFileSync(file, config, { mode: 0o600 });
    const child = Child.spawn(
      process.execPath,
      [...nodeFlags, nodeFlags.length > 0 ? PROFILED : main, '--config', file],
      {
        stdout: output ? openSync(output, 'w', 0o600) : 'ignore',
      },
    );
    const listening = /listening on (http:[^\s"]+)/;
    await child.until(() => listening.test(child.stderr));
    const agent = new Agent(child, listening.exec(child.stderr)![1]!);
    await child.until(async () => (await fetch(`${agent.url}/readyz`)).ok);
    return agent;
  }

  get pid(): number {
    return this.child.pid;
  }

  get cpu(): number {
    return cpuSeconds(this.pid);
  }

  /** Sum of a metric's samples whose labels contain all of `labels`. */
  async sum(name: string, ...labels: string[]): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    let sum = 0;
    for (const line of text.split('\n')) {
      if (!line.startsWith(name)) continue;
      const match = /^([^\s{]+)(\{.*\})? (\S+)$/.exec(line);
      if (match?.[1] === name && labels.every((label) => match[2]?.includes(label))) sum += Number(match[3]);
    }
    return sum;
  }

  /** Records of rings read so far, from the status: cheap while many series stand in /metrics. */
  async received(): Promise<number> {
    const body = (await (await fetch(`${this.url}/api/v1/probes`)).json()) as {
      probes: { maps: { records: number }[] }[];
    };
    return body.probes.flatMap((probe) => probe.maps).reduce((sum, map) => sum + map.records, 0);
  }

  /** Events that every sink has acknowledged. One that a sink lost is an error: it was not delivered. */
  async acknowledged(): Promise<number> {
    const { sinks } = (await (await fetch(`${this.url}/readyz`)).json()) as {
      sinks: { name: string; delivered: number; lost: Record<string, number> }[];
    };
    for (const { name, lost } of sinks)
      if (Object.values(lost).some((count) => count > 0))
        throw new Error(`${name} lost events: ${JSON.stringify(lost)}`);
    return Math.min(...sinks.map(({ delivered }) => delivered));
  }

  async lost(): Promise<number> {
    const body = (await (await fetch(`${this.url}/api/v1/probes`)).json()) as {
      probes: { maps: { lost: Record<string, number> }[] }[];
    };
    return body.probes
      .flatMap((probe) => probe.maps)
      .reduce((sum, map) => sum + Object.values(map.lost).reduce((a, b) => a + b, 0), 0);
  }

  async end(): Promise<void> {
    await this.child.end();
  }
}
