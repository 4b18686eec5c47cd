import { dirname } from 'node:path';
import { ConfigError, type ConfigProblem, type LoadedConfig } from '../../config/index.js';
import type { MetricBatch, SinkDefinition } from '../../plugins/sdk/index.js';
import { DecodePool } from '../decode/index.js';
import { RingWatcher } from '../kernel/index.js';
import { SeriesStore } from '../metrics/index.js';
import type { RegistryOptions } from '../oci/index.js';
import { createOutlet, type Outlet } from '../pipeline/index.js';
import { Clock } from './clock.js';
import { AgentError, messageOf } from './error.js';
import { readMaps } from './fresh-maps.js';
import { EventHub } from './http/events.js';
import { type AgentServer, listen } from './http/server.js';
import type { Logger } from './logger.js';
import { LoopMonitor, type Suspect } from './loop-monitor.js';
import { ofProbe, type Problem } from './plan/problem.js';
import type { PinFolders, ProbeHost } from './probe/running-probe.js';
import { ProbeSupervisor } from './probe/supervisor.js';
import { Router } from './router.js';
import { SinkMetrics } from './sink-metrics.js';
import { type PreparedSink, prepareSinks, sinksOf } from './sinks.js';
import type { AgentStatus, SinkStatus } from './status.js';
import { agentFamilies } from './telemetry.js';
import { packageVersion } from './version.js';

export interface AgentOptions {
  readonly log: Logger;
  /** A probe that does not start is fatal. */
  readonly strict: boolean;
  /** Sinks of the program around the agent, by the type that its config names. */
  readonly sinks?: Readonly<Record<string, SinkDefinition<unknown>>>;
  /** Folders of a BPF file system in which every probe's maps and programs are pinned. */
  readonly pins?: PinFolders;
  /** What registries are shown, instead of what `bee login` and Docker keep. */
  readonly credential?: RegistryOptions['credential'];
  /** Decode workers of which one has begun to start; the agent grows and closes it. */
  readonly pool?: DecodePool | undefined;
}

interface RunningSink {
  readonly outlet: Outlet;
  readonly sink: PreparedSink;
}

/** ms after the start of the probes in which what answers requests is loaded, unless one came before. */
const SERVER_READY_MS = 1_000;
/** Share of the stop deadline that sources have; sinks get the rest. */
const SOURCE_SHARE = 0.4;

/**
 * The composition root. Starts sinks, then the server, then probes, so that nothing is read before it can be
 * delivered; stops in the opposite order: sources, decode, queues, sinks.
 */
export class Agent {
  private readonly version = packageVersion();
  private readonly started = Date.now();
  private readonly hub = new EventHub();
  private readonly router = new Router();
  private readonly series = new SeriesStore();
  private readonly sinkMetrics = new SinkMetrics();
  private readonly sinks = new Map<string, RunningSink>();
  private readonly clock = new Clock();
  private readonly loop = new LoopMonitor(() => this.onMainThread());
  private pool: DecodePool | undefined;
  private watcher: RingWatcher | undefined;
  private server: AgentServer | undefined;
  private probes: ProbeSupervisor[] = [];
  private stopping: Promise<void> | undefined;
  private resolveEnded!: () => void;
  /** Resolves when the agent has a reason of its own to stop: start-up failed, or its only sink ended. */
  readonly ended = new Promise<void>((resolve) => {
    this.resolveEnded = resolve;
  });
  /** Why the process should exit with an error. */
  failure: unknown;

  constructor(
    private readonly loaded: LoadedConfig,
    private readonly options: AgentOptions,
  ) {}

  /** Where it listens; empty before it does. */
  get url(): string {
    return this.server?.url ?? '';
  }

  /** Never rejects: a failure is kept in {@link Agent.failure}, and `ended` resolves. */
  async start(): Promise<void> {
    try {
      await this.startAll();
    } catch (error) {
      this.failure ??= error;
      this.resolveEnded();
    }
  }

  private async startAll(): Promise<void> {
    const { config } = this.loaded;
    const { log } = this.options;
    this.pool = this.options.pool ?? new DecodePool();
    this.pool.grow(config.agent.workers);
    const { sinks, problems } = await prepareSinks(this.loaded, this.options.sinks);
    if (problems.length > 0) throw ConfigError.of(configProblems(problems, this.loaded));
    this.openSinks(sinks);
    this.server = await listen(config.agent.listen);
    if (this.stopping) return await this.server.close();
    log.info(`listening on ${this.server.url}`);
    this.watcher = new RingWatcher();
    this.probes = config.probes.map((probe, i) => {
      const outlets = sinksOf(probe, sinks).map((sink) => this.sinks.get(sink.config.name)!.outlet);
      this.router.set(probe.name, outlets);
      return new ProbeSupervisor(probe, {
        sinks: outlets.map((outlet) => outlet.name),
        host: this.probeHost(),
        images: { ...config.agent, credential: this.options.credential },
        log: log.child(`probe=${probe.name}`),
        retries: !this.options.strict,
        path: ['probes', i],
        locate: this.loaded.locate,
      });
    });
    this.server.serve(async () => {
      const { requestListener } = await import('./http/app.js');
      return requestListener({
        events: this.hub,
        status: () => this.status(),
        routes: () => this.scraped(),
      });
    });
    const up = await Promise.all(this.probes.map((probe) => probe.start()));
    if (this.stopping) return;
    // Not now: the first events are on their way.
    setTimeout(this.server.ready, SERVER_READY_MS).unref();
    const failed = this.probes.filter((probe) => !probe.up);
    if (this.options.strict && failed.length > 0) throw this.startFailure(failed);
    if (up.includes(true)) return;
    if (failed.every((probe) => probe.mistakes.length > 0))
      throw new AgentError('BAD_CONFIG', 'no probe is running: the config of each is wrong, as said above');
    throw new AgentError(
      'NO_PROBE_RUNNING',
      `no probe is running: see above for why each one failed${process.getuid?.() === 0 ? '' : '. Loading eBPF programs needs root, who has a store of its own: run with sudo'}`,
    );
  }

  /** With `strict`, of probes that did not start: mistakes of the config are told as such. */
  private startFailure(failed: readonly ProbeSupervisor[]): Error {
    const mistakes = failed.flatMap(({ config, mistakes }) =>
      mistakes.map((mistake) => ofProbe(config.name, mistake)),
    );
    const others = failed.filter((probe) => probe.mistakes.length === 0).map((probe) => probe.failure);
    if (mistakes.length === 0) return new AgentError('PROBE_FAILED', others.join('\n'));
    for (const message of others) this.options.log.error(message);
    return ConfigError.of(configProblems(mistakes, this.loaded));
  }

  private probeHost(): ProbeHost {
    return {
      pool: this.pool!,
      watcher: this.watcher!,
      series: this.series,
      hub: this.hub,
      router: this.router,
      clock: () => this.clock.now(),
      labels: this.loaded.config.agent.labels,
      log: this.options.log,
      pins: this.options.pins ?? {},
    };
  }

  private openSinks(sinks: readonly PreparedSink[]): void {
    for (const sink of sinks) {
      const { name, queue, buffer } = sink.config;
      const outlet = createOutlet({
        name,
        definition: sink.definition,
        options: sink.options,
        maxBatches: queue.maxBatches,
        maxBytes: queue.maxBytes,
        whenFull: queue.whenFull,
        ...(sink.batch ? { batch: sink.batch } : {}),
        ...(buffer ? { buffer: { ...buffer, folder: buffer.path } } : {}),
        ...(queue.concurrency === undefined ? {} : { concurrency: queue.concurrency }),
        timeout: queue.timeout,
        maxElapsed: queue.maxElapsed,
        retry: queue.retry,
        interval: sink.interval,
        letsGo: sink.letsGo,
        context: {
          directory: dirname(this.loaded.file),
          labels: this.loaded.config.agent.labels,
          log: this.options.log.child(`sink=${name}`),
          telemetry: this.sinkMetrics.of(name, this.loaded.config.agent.labels),
          collect: () => this.collect(name),
        },
      });
      this.sinks.set(name, { outlet, sink });
      outlet.start();
      void outlet.ended.then(() => {
        if (outlet.fatal) {
          this.failure ??= new AgentError('SINK', `sink "${name}": ${outlet.error}`);
          this.resolveEnded();
        }
        const others = [...this.sinks.values()].filter((other) => other.outlet.state !== 'closed');
        if (others.length === 0) this.resolveEnded();
        else if (!outlet.fatal && !this.stopping)
          this.options.log.warn(
            `sink "${name}" has ended${outlet.error === undefined ? '' : `: ${outlet.error}`}. The agent goes on for ${others.map((other) => other.outlet.name).join(', ')}; Ctrl-C ends it`,
          );
      });
    }
  }

  private *onMainThread(): Iterable<Suspect> {
    for (const { outlet, sink } of this.sinks.values()) if (sink.onMainThread) yield outlet.hold;
  }

  /** What the sink `name` would be scraped for: the series of its probes, and the agent's own. */
  private async collect(name: string): Promise<MetricBatch> {
    const shown = this.probes.filter(({ config }) => !config.sinks || config.sinks.includes(name));
    await readMaps(shown);
    const probes = new Set(shown.map((probe) => probe.config.name));
    const batch = await this.series.collect((probe: string) => probes.has(probe));
    const own = agentFamilies({
      version: this.version,
      labels: this.loaded.config.agent.labels,
      probes: this.probes,
      outlets: this.sinks,
      followersLost: this.hub.lost,
      workerRestarts: this.pool?.restarts ?? 0,
      started: this.started,
      loopDelays: this.loop.delays,
    });
    return { ...batch, families: [...batch.families, ...own, ...this.sinkMetrics.families()] };
  }

  private scraped(): ReadonlyMap<string, (request: Request) => Promise<Response>> {
    const routes = new Map<string, (request: Request) => Promise<Response>>();
    for (const { outlet, sink } of this.sinks.values()) {
      const { path, listen: own } = (sink.options ?? {}) as { path?: unknown; listen?: unknown };
      if (outlet.fetch && typeof path === 'string' && own === undefined) routes.set(path, outlet.fetch);
    }
    return routes;
  }

  status(): AgentStatus {
    return {
      // Whatever a registry does, those that it does not concern are ready.
      ready: this.probes.some((probe) => probe.up) && this.probes.every((probe) => probe.isSettled),
      version: this.version,
      started: new Date(this.started).toISOString(),
      probes: this.probes.map((probe) => {
        probe.measure();
        return probe.status();
      }),
      sinks: [...this.sinks.values()].map(sinkStatus),
    };
  }

  /** Have sinks that write files open them anew; false where there is none now. */
  reopen(): boolean {
    return [...this.sinks.values()].map(({ outlet }) => outlet.reopen()).includes(true);
  }

  /** Detach, drain, flush, close, within `deadline` ms. Idempotent. */
  stop(deadline: number): Promise<void> {
    this.stopping ??= this.stopAll(deadline);
    return this.stopping;
  }

  private async stopAll(deadline: number): Promise<void> {
    const begun = performance.now();
    const left = (): number => Math.max(0, deadline - (performance.now() - begun));
    await Promise.all(this.probes.map((probe) => probe.stop(deadline * SOURCE_SHARE)));
    await this.pool?.close();
    this.watcher?.close();
    await Promise.all(
      [...this.sinks.values()].map(({ outlet }) =>
        outlet
          .stop(left())
          .catch((error) => this.options.log.error(`sink ${outlet.name}: ${messageOf(error)}`)),
      ),
    );
    this.loop.close();
    this.hub.close();
    await this.server?.close();
  }
}

function sinkStatus({ outlet, sink }: RunningSink): SinkStatus {
  const total = { received: 0, recovered: 0, delivered: 0, queued: 0, lost: {} as Record<string, number> };
  for (const { counts } of outlet.counts()) {
    total.received += counts.received;
    total.recovered += counts.recovered;
    total.delivered += counts.delivered;
    total.queued += counts.queued;
    for (const [reason, count] of Object.entries(counts.lost))
      total.lost[reason] = (total.lost[reason] ?? 0) + (count ?? 0);
  }
  return {
    name: outlet.name,
    type: sink.config.type,
    state: outlet.state,
    circuit: circuitStatus(outlet),
    ...(outlet.error === undefined ? {} : { error: outlet.error }),
    ...total,
  };
}

function circuitStatus({ circuit }: Outlet): SinkStatus['circuit'] {
  const { state, failures, retryAt } = circuit;
  return { state, failures, ...(retryAt === undefined ? {} : { retryAt: new Date(retryAt).toISOString() }) };
}

/** Problems with their places in the file. */
export function configProblems(problems: readonly Problem[], { locate }: LoadedConfig): ConfigProblem[] {
  return problems.map(({ path, message }) => ({
    code: 'bad_value',
    path,
    message,
    position: locate(path),
  }));
}
