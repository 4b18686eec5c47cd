import type { SinkContext } from '../../plugins/sdk/index.js';
import { messageOf } from './error.js';
import { Refusals } from './refusals.js';
import type { RetryGate } from './retry-gate.js';
import type { Supervisor } from './supervised.js';
import type { Circuit, OutletState } from './types.js';

/** How a sink fares: its state, its last error, and what the log says of them. */
export class Health implements Supervisor {
  state: OutletState = 'opening';
  error: string | undefined;
  fatal = false;
  /** Failed attempts in a row. */
  private failures = 0;
  /** The error of a failure that no attempt met. */
  private betweenAttempts: string | undefined;
  private readonly events: Refusals;
  private readonly points: Refusals;
  private readonly errors: { add(value: number): void };

  constructor(
    context: Pick<SinkContext, 'log' | 'telemetry'>,
    private readonly gate: RetryGate,
  ) {
    this.log = context.log;
    this.events = new Refusals('events', context.log);
    this.points = new Refusals('metric points', context.log);
    this.errors = context.telemetry.counter('errors_total', 'Attempts of a sink that failed.');
  }

  readonly log: SinkContext['log'];

  /** Open: attempts wait. Half-open: one has failed, the next one is under way. */
  get circuit(): Circuit {
    if (this.failures === 0 || this.state === 'closed') return { state: 'closed', failures: this.failures };
    const ms = this.gate.remaining;
    return ms > 0
      ? { state: 'open', failures: this.failures, retryAt: Date.now() + ms }
      : { state: 'half_open', failures: this.failures };
  }

  opened(): void {
    this.state = 'up';
    this.clear();
  }

  /** The destination answers. */
  succeed(): void {
    if (this.state === 'retrying') {
      this.state = 'up';
      this.log.info('delivers again');
    }
    if (this.state === 'up') this.clear();
  }

  fail(error: unknown): void {
    const message = messageOf(error);
    this.errors.add(1);
    this.failures++;
    if (this.error !== message) {
      const what = this.state === 'opening' ? 'cannot open' : 'cannot deliver';
      this.log.warn(`${what}: ${message}`);
    }
    this.error = message;
    if (this.state === 'up') this.state = 'retrying';
  }

  /** Between two attempts: what an attempt says later counts more. */
  failed(error: Error): void {
    this.fail(error);
    this.betweenAttempts = this.error;
  }

  recovered(): void {
    if (this.betweenAttempts !== undefined && this.error === this.betweenAttempts) this.succeed();
    this.betweenAttempts = undefined;
  }

  /** The destination answers, and wants none of these. */
  refuse(events: number, why: string, isFailure: boolean): void {
    if (isFailure) this.errors.add(1);
    this.events.add(events, why);
  }

  /** It took the others. */
  refusePoints(points: number, why: string): void {
    this.points.add(points, why);
  }

  private clear(): void {
    this.error = undefined;
    this.failures = 0;
  }
}
