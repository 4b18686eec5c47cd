import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { AgentProcess, readSlots } from '../support/agent.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { FaultProxy } from './fault-proxy.js';
import { Nginx } from './nginx.js';

const run = promisify(execFile);
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What the sink under test is called in the config. */
const NAME = 'tested';

/** The way of every event: a real probe, the agent, a proxy that can hang and reset, nginx, a service. */
export class FaultyWay {
  private constructor(
    readonly agent: AgentProcess,
    readonly proxy: FaultProxy,
    readonly nginx: Nginx,
    private readonly trigger: string,
    private readonly target: string,
    private readonly events: number,
  ) {}

  /**
   * `target`: URL of the service. `sink`: the options of the sink under test, `more`: other sinks beside it and a file
   * sink; given where to send. `events`: how many {@link produce} makes.
   */
  static async start(
    target: string,
    events: number,
    sink: (url: string) => string,
    more: (url: string) => string = () => '',
  ): Promise<FaultyWay> {
    const trigger = compileProgram(here('../e2e/probes/trigger.c'));
    const nginx = await Nginx.start(`location / { proxy_pass ${target}; }`);
    const proxy = await FaultProxy.start(nginx.url);
    const agent = await AgentProcess.start(`
probes: [{ file: ${compileProbe(here('../e2e/probes/flood.bpf.c'))}, name: flood }]
sinks:
  prom: { type: prometheus }
  file: { type: file, path: events.ndjson }
  ${NAME}: ${sink(proxy.url)}
  ${more(proxy.url)}
agent: { listen: "127.0.0.1:0" }
`);
    return new FaultyWay(agent, proxy, nginx, trigger, target, events);
  }

  async stop(): Promise<void> {
    await this.agent.stop();
    await this.proxy.stop();
    await this.nginx.stop();
  }

  /** `server`: what nginx is to do for the service; nothing: pass on. */
  async become(server = `location / { ${this.pass} }`): Promise<void> {
    await this.nginx.become(server);
    this.proxy.requests.length = 0;
  }

  get pass(): string {
    return `proxy_pass ${this.target};`;
  }

  produce(): Promise<unknown> {
    return run(this.trigger, [String(this.events), '50', '1000']);
  }

  /** Events that the probe counted. */
  get produced(): number {
    return readSlots(this.agent, 'produced')[1]!;
  }

  /** Of the sink under test. */
  count(name: string, ...labels: string[]): Promise<number> {
    return this.agent.sum(`bee_agent_sink_${name}`, `sink="${NAME}"`, 'map="print_flood"', ...labels);
  }

  /** What the sink met at its last attempt; empty where that succeeded. */
  async failure(): Promise<string> {
    const { sinks } = (await (await fetch(`${this.agent.url}/readyz`)).json()) as {
      sinks: { name: string; state: string; error?: string }[];
    };
    const sink = sinks.find(({ name }) => name === NAME);
    return sink?.state === 'retrying' ? (sink.error ?? '') : '';
  }

  /** All that was produced has come to the sink, and nothing of it is on its way. */
  async settled(): Promise<void> {
    const { agent, produced } = this;
    await agent.until(async () => (await this.count('received_total')) === produced, 20_000);
    await agent.until(async () => (await this.count('queued')) === 0, 60_000);
  }

  /** ms between each two requests of a path that were made one after the other. */
  gaps(path: string): number[] {
    const times = this.proxy.requests.filter((request) => request.path === path).map(({ time }) => time);
    return times.slice(1).map((time, i) => time - times[i]!);
  }
}
