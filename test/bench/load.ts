import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Agent } from './agent.js';
import { Child, cpuByThread, cpuSince } from './process.js';
import { probe, program, slots } from './tools.js';

const run = promisify(execFile);

/**
 * Copies of the load probe, each with a producer of its own: number and map of counts. The last two are the peers'
 * probe, for a peer and for the agent beside it.
 */
const ROLES = {
  ours: { number: 0, counts: 'produced_0' },
  reference: { number: 1, counts: 'produced_1' },
  peer: { number: 3, counts: 'produced_peer' },
  'beside peer': { number: 4, counts: 'produced_ours' },
} as const;
export type Role = keyof typeof ROLES;

/** Make `total` records, `rate` a second (0: as fast as it goes), or less with `untilLoss`; the seconds that it took. */
export async function produce(role: Role, total: number, rate = 0, untilLoss = false): Promise<number> {
  const { number, counts } = ROLES[role];
  const { stdout } = await run(program('producer'), [
    ...[String(number), String(total), String(rate)],
    ...(untilLoss ? [counts] : []),
  ]);
  return Number(stdout);
}

/** What was asked of a copy of the load probe so far, and what its ring took. */
export function produced(role: Role): { readonly asked: number; readonly taken: number } {
  const [asked = 0, taken = 0] = slots(ROLES[role].counts);
  return { asked, taken };
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
  /** The same by thread, where it has several. */
  readonly threads?: ReadonlyMap<string, number>;
}

/** Something that consumes records. */
export interface Consumer {
  /** `untilLoss`: the load ends with its first loss. */
  load(total: number, rate?: number, untilLoss?: boolean): Promise<Outcome>;
  end(): Promise<unknown>;
}

/** Lines to stdout. What it cannot take stays in the ring: what is lost, is lost there. */
export const TO_STDOUT = '{ out: { type: stdout, format: json, queue: { when_full: block } } }';

/** A counter of as many series as the probe has label sets, and the sink that shows it. */
export const COUNTER = '{ export: counter, labels: [comm, pid, daddr], metric: load_total }';
export const TO_PROMETHEUS = '{ prom: { type: prometheus } }';

export interface AgentOptions {
  /** File for its stdout. */
  readonly output?: string;
  /** The probe, its ring and its producer, if they are not `load`'s. */
  readonly object?: string;
  readonly ring?: string;
  readonly role?: Role;
  readonly workers?: number;
  readonly nodeFlags?: readonly string[];
}

/** The agent. `map`: config of the probe's ring; `sinks`: of the sinks, which must lose nothing. */
export async function agentConsumer(
  map: string,
  sinks: string,
  options: AgentOptions = {},
): Promise<Consumer & { readonly agent: Agent }> {
  const { object = probe('load'), ring = 'load', role = 'ours', workers, output, nodeFlags } = options;
  const agent = await Agent.start(
    `probes:
  - { file: ${object}, name: load, maps: { ${ring}: ${map} } }
sinks: ${sinks}
agent: { listen: "127.0.0.1:0"${workers ? `, workers: ${workers}` : ''} }
`,
    output,
    nodeFlags,
  );
  const isFolded = !map.includes('export: event');
  return {
    agent,
    end: () => agent.end(),
    async load(total, rate, untilLoss) {
      const threads = cpuByThread(agent.pid);
      const before = produced(role);
      const begun = performance.now();
      const making = await produce(role, total, rate, untilLoss);
      const { asked, taken } = produced(role);
      await agent.child.until(async () => (await agent.received()) >= taken);
      if (!isFolded) await agent.child.until(async () => (await agent.acknowledged()) >= taken);
      const seconds = (performance.now() - begun) / 1000;
      const used = cpuSince(threads, cpuByThread(agent.pid));
      if (isFolded) {
        const sum = await agent.sum('load_total');
        if (sum !== taken) throw new Error(`the series add up to ${sum} of ${taken} records`);
      }
      const delivered = taken - before.taken;
      return {
        ...{ seconds, making, delivered, lost: asked - before.asked - delivered },
        cpu: [...used.values()].reduce((sum, one) => sum + one, 0),
        threads: used,
      };
    },
  };
}

/** What {@link referenceConsumer} is, for those who read the figures. */
export const REFERENCE = {
  count: 'C on libbpf: ring_buffer__poll, FNV hash of the same bytes, open addressing',
  lines: 'C on libbpf that writes the same lines with snprintf',
} as const;

/** The C program on libbpf. It is asked for its count at the end only, so each load is a run of its own. */
export function referenceConsumer(
  mode: keyof typeof REFERENCE,
  output?: string,
  object = probe('load', { ROLE: 1 }),
): Consumer {
  return {
    end: async () => {},
    async load(total, rate, untilLoss) {
      const child = Child.spawn(program('consumer'), [mode, object, ...(output ? [output] : [])], {
        stdout: 'pipe',
      });
      let ready = false;
      child.process.stdout!.on('data', () => {
        ready = true;
      });
      await child.until(() => ready);
      const begun = performance.now();
      const making = await produce('reference', total, rate, untilLoss);
      const made = (performance.now() - begun) / 1000;
      // A map of this run: its counts began at 0.
      const { asked, taken } = produced('reference');
      const text = await child.end();
      const { records, cpu } = JSON.parse(text.slice(text.indexOf('{"records"'))) as {
        records: number;
        cpu: number;
      };
      if (records !== taken) throw new Error(`the reference read ${records} of ${taken} records`);
      const seconds = Math.max(made, (performance.now() - begun) / 1000 - 0.02);
      return { seconds, making, delivered: records, lost: asked - records, cpu };
    },
  };
}
