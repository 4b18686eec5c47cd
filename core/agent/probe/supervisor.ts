import {
  type ConfigPath,
  type LoadedConfig,
  type ProbeConfig,
  renderPosition,
} from '../../../config/index.js';
import type { MapRefresh } from '../../decode/index.js';
import { messageOf } from '../error.js';
import type { Logger } from '../logger.js';
import { type ProbePlan, planProbe } from '../plan/probe-plan.js';
import { PlanError, type Problem } from '../plan/problem.js';
import type { MapStatus, ProbeStatus } from '../status.js';
import { lossesOf, type MapCounts } from './counts.js';
import { type ImageSettings, type ProbeImage, readProbeImage } from './probe-image.js';
import { type ProbeHost, RunningProbe } from './running-probe.js';

const RETRY_FIRST_MS = 5_000;
const RETRY_MAX_MS = 300_000;

export interface SupervisorOptions {
  /** Names of the sinks that it feeds. */
  readonly sinks: readonly string[];
  readonly host: ProbeHost;
  readonly images: ImageSettings;
  readonly log: Logger;
  /** Otherwise a failure is the caller's to report. */
  readonly retries: boolean;
  /** Its keys in the config, and where these stand. */
  readonly path: ConfigPath;
  readonly locate: LoadedConfig['locate'];
}

/** Keeps one probe of the config running: loads it, reports why it failed, tries again with back-off. */
export class ProbeSupervisor {
  readonly counts = new Map<string, MapCounts>();
  private running: RunningProbe | undefined;
  private image: ProbeImage | undefined;
  private plan: ProbePlan | undefined;
  private state: ProbeStatus['state'] = 'starting';
  private error: string | undefined;
  private retryAt: number | undefined;
  private retryDelay = RETRY_FIRST_MS;
  private timer: NodeJS.Timeout | undefined;
  private starting: Promise<boolean> | undefined;
  private stopped = false;
  private settled = false;
  /** Ends a pull that is under way. */
  private readonly stopping = new AbortController();
  attempts = 0;

  /** What is wrong with its config, where that is why it does not run: no retry can mend that. */
  mistakes: readonly Problem[] = [];

  constructor(
    readonly config: ProbeConfig,
    private readonly options: SupervisorOptions,
  ) {}

  get up(): boolean {
    return this.state === 'running';
  }

  /** Whether a start-up need not wait for it any longer: it runs, has failed, or waits for its registry. */
  get isSettled(): boolean {
    return this.settled;
  }

  /** Why it does not run, in a sentence with its name. */
  get failure(): string {
    return `probe "${this.config.name}" failed to start: ${this.error ?? 'it was stopped'}`;
  }

  /** Try once; a failure is logged and tried again later. Resolves to whether the probe runs. */
  start(): Promise<boolean> {
    this.starting ??= this.startOnce().finally(() => {
      this.starting = undefined;
      this.settled = true;
    });
    return this.starting;
  }

  private async startOnce(): Promise<boolean> {
    this.attempts++;
    try {
      const { config } = this;
      const { host, images, log, path } = this.options;
      this.image = await readProbeImage(config, images, {
        log,
        stop: this.stopping.signal,
        onPull: () => {
          this.state = 'pulling';
          this.settled = true;
        },
      });
      const isPinned = host.pins.maps !== undefined || host.pins.programs !== undefined;
      this.plan = planProbe(config, path, this.image, host.router.forms(config.name), host.labels, isPinned);
      if (this.stopped) return false;
      if (this.plan.problems.length > 0) {
        this.failByMistake(this.plan.problems);
        return false;
      }
      const running = await RunningProbe.start(config, this.image, this.plan, host, this.counts);
      if (this.stopped) {
        await running.close(0);
        return false;
      }
      this.running = running;
      this.state = 'running';
      this.error = undefined;
      this.retryAt = undefined;
      this.retryDelay = RETRY_FIRST_MS;
      const attached = running.attachments.filter((program) => program.attached);
      log.info(
        `running: ${attached.map(({ section }) => section).join(', ') || 'loaded, and nothing attached'}`,
      );
      for (const { program, reason } of running.attachments)
        if (reason !== undefined) log.warn(`program ${program} is not attached: ${reason}`);
      if (this.plan.maps.length === 0)
        log.warn(
          'none of its maps is exported: name one print_, counter_, gauge_ or hist_, or say `export:`',
        );
      return true;
    } catch (error) {
      if (error instanceof PlanError) {
        const at = [
          ...this.options.path,
          'maps',
          ...(error.map === undefined ? [] : [error.map]),
          ...error.at,
        ];
        this.failByMistake([{ path: at, message: error.message }]);
      } else this.fail(error);
      return false;
    }
  }

  /** Said once, and not tried again. */
  private failByMistake(problems: readonly Problem[]): void {
    const { locate, retries, log } = this.options;
    this.state = 'failed';
    this.retryAt = undefined;
    this.mistakes = problems;
    this.error = problems
      .map(({ path, message }) => `${renderPosition(locate(path))}: ${message}`)
      .join('\n');
    if (retries) log.error(`${this.error}\n  Not tried again: correct the config, and start the agent anew.`);
  }

  private fail(error: unknown): void {
    this.state = 'failed';
    this.error = messageOf(error);
    if (this.stopped || !this.options.retries) return;
    const delay = this.retryDelay * (0.9 + Math.random() * 0.2);
    this.retryDelay = Math.min(this.retryDelay * 2, RETRY_MAX_MS);
    this.retryAt = Date.now() + delay;
    this.timer = setTimeout(() => void this.start(), delay);
    this.timer.unref();
    // The start-up of an agent of which no probe runs is its end.
    const condition = this.attempts === 1 ? ', where another probe runs' : '';
    this.options.log.error(`${this.error}\n  Tried again in ${Math.round(delay / 1000)} s${condition}.`);
  }

  /** Exported maps, and as what. */
  exports(): readonly (readonly [map: string, kind: string])[] {
    return this.plan?.maps.map((map) => [map.spec.name, map.export] as const) ?? [];
  }

  /** Reads that whoever shows this probe's series is to wait for. */
  refresh(): readonly MapRefresh[] {
    return this.running?.refresh() ?? [];
  }

  measure(): void {
    try {
      this.running?.measure();
    } catch (error) {
      this.options.log.debug(`reading its loss counters failed: ${messageOf(error)}`);
    }
  }

  status(): ProbeStatus {
    const { source } = this.config;
    return {
      name: this.config.name,
      source: 'image' in source ? source.image : source.file,
      state: this.state,
      programs: this.plan?.spec.programs.map((program) => this.programStatus(program)) ?? [],
      maps: this.plan?.maps.map((map) => this.mapStatus(map.spec.name, map.spec.type, map.export)) ?? [],
      sinks: this.options.sinks,
      ...(this.image?.digest ? { digest: this.image.digest } : {}),
      ...(this.error === undefined ? {} : { error: this.error }),
      ...(this.retryAt === undefined || this.state !== 'failed'
        ? {}
        : { retryAt: new Date(this.retryAt).toISOString() }),
    };
  }

  private programStatus({ name, section }: ProbeStatus['programs'][number]): ProbeStatus['programs'][number] {
    const reason = this.running?.attachments.find(({ program }) => program === name)?.reason;
    return { name, section, ...(reason === undefined ? {} : { notAttached: reason }) };
  }

  private mapStatus(name: string, type: string, kind: string): MapStatus {
    const counts = this.counts.get(name);
    return {
      name,
      type,
      export: kind,
      records: counts?.received ?? 0,
      filtered: counts?.filtered ?? 0,
      lost: counts ? lossesOf(counts) : {},
    };
  }

  async stop(deadline: number): Promise<void> {
    this.stopped = true;
    this.stopping.abort();
    clearTimeout(this.timer);
    // One that starts for longer (a verifier at work, a file system that hangs) closes itself when it has.
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadline);
    });
    await Promise.race([this.starting, over]);
    clearTimeout(timer);
    await this.running?.close(deadline);
    this.state = 'stopped';
  }
}
