import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Agent } from './agent.js';
import { Child } from './process.js';
import { probe, program, slots } from './tools.js';

const run = promisify(execFile);

/** Which copy of the load probe: the agent's, the reference's, or the peers'. */
type Role = 0 | 1 | 'peer';

/** Make `total` records, `rate` a second (0: as fast as it goes); the seconds that it took. */
export async function produce(role: Role, total: number, rate = 0): Promise<number> {
  const { stdout } = await run(program('producer'), [
    String(role === 'peer' ? 3 : role),
    String(total),
    String(rate),
  ]);
  return Number(stdout);
}

export interface Outcome {
  /** Seconds from the first record to the last one's delivery. */
  readonly seconds: number;
  /** Seconds that making the records took. */
  readonly making: number;
  readonly delivered: number;
  readonly lost: number;
  /** CPU seconds of the consumer. */
  readonly cpu: number;
}

/** One load on something that consumes it. */
export interface Consumer {
  load(total: number, rate?: number): Promise<Outcome>;
  end(): Promise<unknown>;
}

/** Lines to stdout. What it cannot take stays in the ring: what is lost, is lost there. */
export const TO_STDOUT = '{ out: { type: stdout, format: json, queue: { when_full: block } } }';

/** The agent. `map`: config of the map `load`; `sinks`: of the sinks, which must lose nothing. */
export async function agentConsumer(
  map: string,
  sinks: string,
  options: {
    readonly output?: string;
    readonly object?: string;
    readonly workers?: number;
    readonly nodeFlags?: readonly string[];
  } = {},
): Promise<Consumer & { readonly agent: Agent }> {
  const agent = await Agent.start(
    `probes:
  - { file: ${options.object ?? probe('load')}, name: load, maps: { load: ${map} } }
sinks: ${sinks}
agent: { listen: "127.0.0.1:0"${options.workers ? `, workers: ${options.workers}` : ''} }
`,
    options.output,
    options.nodeFlags,
  );
  const isFolded = !map.includes('export: event');
  return {
    agent,
    end: () => agent.end(),
    async load(total, rate) {
      const cpu = agent.cpu;
      const [, before = 0] = slots('produced_0');
      const begun = performance.now();
      const making = await produce(0, total, rate);
      const [, taken = 0] = slots('produced_0');
      await agent.child.until(async () => (await agent.received()) >= taken);
      if (!isFolded) await agent.child.until(async () => (await agent.acknowledged()) >= taken);
      const seconds = (performance.now() - begun) / 1000;
      const used = agent.cpu - cpu;
      if (isFolded) {
        const sum = await agent.sum('load_total');
        if (sum !== taken) throw new Error(`the series add up to ${sum} of ${taken} records`);
      }
      const delivered = taken - before;
      return { seconds, making, delivered, lost: total - delivered, cpu: used };
    },
  };
}

/** The C program on libbpf. It is asked for its count at the end only, so each load is a run of its own. */
export function referenceConsumer(
  mode: 'count' | 'lines',
  output?: string,
  object = probe('load', { ROLE: 1 }),
): Consumer {
  return {
    end: async () => {},
    async load(total, rate) {
      const child = Child.spawn(program('consumer'), [mode, object, ...(output ? [output] : [])], {
        stdout: 'pipe',
      });
      let ready = false;
      child.process.stdout!.on('data', () => {
        ready = true;
      });
      await child.until(() => ready);
      const begun = performance.now();
      await produce(1, total, rate);
      const produced = (performance.now() - begun) / 1000;
      const [, taken = 0] = slots('produced_1');
      const text = await child.end();
      const { records, cpu } = JSON.parse(text.slice(text.indexOf('{"records"'))) as {
        records: number;
        cpu: number;
      };
      if (records !== taken) throw new Error(`the reference read ${records} of ${taken} records`);
      const seconds = Math.max(produced, (performance.now() - begun) / 1000 - 0.02);
      return { seconds, making: produced, delivered: records, lost: total - records, cpu };
    },
  };
}

/**
 * Highest rate at which `seconds` of records pass without a loss, by bisection; records a second. A rate is too
 * high when it loses twice: what else the machine does shall not decide. What counts is the rate that was made, not
 * the one that was asked for: a consumer whose wake-ups slow the producer down is not credited with what they cost.
 */
export async function losslessRate(
  consumer: Consumer,
  { from, to, seconds, steps }: { from: number; to: number; seconds: number; steps: number },
): Promise<number> {
  let low = 0;
  let high = to;
  let rate = from;
  let held = 0;
  for (let step = 0; step < steps; step++) {
    const total = Math.round(rate * seconds);
    let outcome = await consumer.load(total, rate);
    if (outcome.lost > 0) outcome = await consumer.load(total, rate);
    const { lost, delivered, making } = outcome;
    if (lost === 0) {
      low = rate;
      held = Math.max(held, delivered / making);
      // The producer cannot go faster beside this consumer.
      if (delivered / making < rate * 0.9) break;
    } else high = rate;
    if (low >= to * 0.98) break;
    rate = high === to && lost === 0 ? Math.min(to, rate * 2) : (low + high) / 2;
  }
  return held;
}
