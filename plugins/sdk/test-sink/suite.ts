import { isDeepStrictEqual } from 'node:util';
import { checkDefinition, checkSink, resolveAccepts, resolveInterval } from '../definition.js';
import type { Accepts, Sink, SinkContext, SinkDefinition, WriteResult } from '../sink.js';
import { checkWriteResult } from '../write-result.js';
import { copyOf, GivenBatches } from './given.js';
import { delay, LATE, type Settled, settle, within } from './settled.js';
import { SinkContractError, type SinkRule, type Violation } from './violation.js';
import type { WatchedBatch } from './watched-batch.js';
import { watchedTelemetry } from './watched-telemetry.js';

export interface TestSinkSettings {
  /** As a user would write them in `probes.yaml`. Default: none. */
  readonly options?: unknown;
  /** `false`: there is no destination to deliver to, so that `retry` and `drop` are right answers. Default true. */
  readonly delivers?: boolean;
  /**
   * Makes the destination hang, and gives a function that lets it go on. With it, the signal is tested while a write
   * really waits; without it, only a sink that waits by itself can be caught.
   */
  readonly stall?: () => Release | Promise<Release>;
  /** ms that any call may take. Default 5000, as a config's `queue.timeout` would. */
  readonly timeout?: number;
  /** ms that a write may go on after its signal. Default 500. */
  readonly grace?: number;
}

type Release = () => void | Promise<void>;

/**
 * The contract of sinks, tested from outside: the sink is opened, given batches in the forms that it declared, told to
 * stop, closed and opened again. Throws a {@link SinkContractError} with every rule that it breaks. Needs no test
 * runner, and goes into any.
 * @example
 * test('keeps the contract', () => testSink(sink, { options: { url: server.url } }));
 */
export async function testSink(definition: unknown, settings: TestSinkSettings = {}): Promise<void> {
  const violations = await sinkViolations(definition, settings);
  if (violations.length === 0) return;
  const { type } = (definition ?? {}) as { type?: unknown };
  throw new SinkContractError(String(type), violations);
}

/** The same, as a list; empty for a sink that keeps the contract. */
export async function sinkViolations(
  definition: unknown,
  settings: TestSinkSettings = {},
): Promise<readonly Violation[]> {
  const suite = new Suite(settings);
  try {
    await suite.run(definition);
  } catch (error) {
    if (!(error instanceof Over)) throw error;
  }
  return suite.violations;
}

/** Nothing after this violation can be tested. */
class Over extends Error {}

class Suite {
  readonly violations: Violation[] = [];
  private readonly seen = new Set<string>();
  private readonly timeout: number;
  private readonly grace: number;
  private readonly given = new GivenBatches();
  private definition!: SinkDefinition<unknown>;
  private options: unknown;
  private accepts!: Accepts;

  constructor(private readonly settings: TestSinkSettings) {
    this.timeout = settings.timeout ?? 5_000;
    this.grace = settings.grace ?? 500;
  }

  async run(definition: unknown): Promise<void> {
    this.definition = this.checkShape(definition);
    this.options = await this.validate();
    this.accepts = this.resolve();
    await this.openAndClose();
    await this.deliver();
    await this.obeySignals();
    await this.writeAfterClose();
    this.compare();
  }

  private checkShape(definition: unknown): SinkDefinition<unknown> {
    try {
      return checkDefinition(definition);
    } catch (error) {
      return this.over('definition', messageOf(error));
    }
  }

  private async validate(): Promise<unknown> {
    const given = this.settings.options ?? {};
    const before = copyOf(given);
    const answer = await this.within(async () => this.definition.options['~standard'].validate(given));
    if (answer === LATE) return this.over('options', `the schema did not answer within ${this.timeout} ms`);
    if ('error' in answer) return this.over('options', `the schema threw: ${messageOf(answer.error)}`);
    const { value: result } = answer;
    if (result?.issues) {
      const issues = result.issues.map(({ path = [], message }) => {
        const keys = path.map((part) => String(typeof part === 'object' ? part.key : part));
        return keys.length === 0 ? message : `${keys.join('.')}: ${message}`;
      });
      return this.over('options', `the options of the test are refused: ${issues.join('; ')}`);
    }
    if (!isDeepStrictEqual(given, before))
      this.report('options', 'the schema changed the options that it was given');
    return result?.value;
  }

  private resolve(): Accepts {
    try {
      const accepts = resolveAccepts(this.definition, this.options);
      if (!isDeepStrictEqual(resolveAccepts(this.definition, this.options), accepts)) {
        this.report(
          'definition',
          'accepts(options) says different things when asked twice; it must be a pure function',
        );
      }
      resolveInterval(this.definition, this.options);
      return accepts;
    } catch (error) {
      return this.over('definition', messageOf(error));
    }
  }

  /** A sink that gets nothing must close too, and what it held must be free for the next. */
  private async openAndClose(): Promise<void> {
    const { sink, stop } = await this.open('open');
    await this.close(sink, stop);
  }

  private async deliver(): Promise<void> {
    const { sink, stop } = await this.open('open, after a close,');
    if (this.takesEvents) {
      await this.write(sink, 1);
      await this.write(sink, 100);
      await this.write(sink, 3, false);
      const { concurrency = 1 } = this.definition;
      if (concurrency > 1)
        await Promise.all(Array.from({ length: concurrency }, (_, i) => this.write(sink, i + 1)));
    }
    if (this.accepts.metrics && sink.writeMetrics) {
      for (let i = 0; i < 2; i++) await this.writeMetrics(sink);
    }
    if (sink.fetch) await this.scrape(sink);
    if (sink.reopen) {
      await this.settles('reopen', 'reopen()', async () => sink.reopen!());
      if (this.takesEvents) await this.write(sink, 1);
    }
    if (sink.flush) await this.settles('flush', 'flush()', async () => sink.flush!());
    await this.close(sink, stop);
    // Half of the sinks that break here break only when there was something to release.
    await this.settles('double-close', 'the second close()', async () => sink.close());
  }

  private get takesEvents(): boolean {
    return this.accepts.events !== false && this.accepts.events.length > 0;
  }

  private async write(sink: Sink, rows: number, labelled = true): Promise<void> {
    const what = `write() of ${rows} event${rows === 1 ? '' : 's'}`;
    const batch = this.events(rows, labelled);
    const answer = await this.within(async () =>
      sink.write!(batch, { signal: new AbortController().signal }),
    );
    this.reportForms(batch);
    const result = this.judge('write', what, answer);
    if (result?.status === 'ok' && (result.rejected ?? 0) > rows) {
      this.report('result', `${what} answered that ${result.rejected} events were rejected`);
    }
    this.compare();
  }

  private async writeMetrics(sink: Sink): Promise<void> {
    const batch = this.given.metrics();
    const answer = await this.within(async () =>
      sink.writeMetrics!(batch, { signal: new AbortController().signal }),
    );
    this.judge('writeMetrics', 'writeMetrics()', answer);
    this.compare();
  }

  private judge(
    method: 'write' | 'writeMetrics',
    what: string,
    answer: Settled<unknown> | typeof LATE,
  ): WriteResult | undefined {
    if (answer === LATE) {
      this.report('unanswered', `${what} did not answer within ${this.timeout} ms`);
      return undefined;
    }
    if ('error' in answer) {
      this.report(
        'throw',
        `${what} threw: ${messageOf(answer.error)}; answer { status: 'retry' } or 'drop' instead`,
      );
      return undefined;
    }
    try {
      const result = checkWriteResult(answer.value, method);
      if (result.status !== 'ok' && this.settings.delivers !== false) {
        const why = result.error === undefined ? '' : `: ${result.error}`;
        this.report(
          'not-delivered',
          `${what} answered "${result.status}"${why}; expected "ok", as the destination is there`,
        );
      }
      return result;
    } catch (error) {
      this.report('result', messageOf(error));
      return undefined;
    }
  }

  private async scrape(sink: Sink): Promise<void> {
    const answer = await this.within(async () => {
      const response = await sink.fetch!(new Request('http://127.0.0.1:9091/metrics'));
      if (!(response instanceof Response)) return 'no Response';
      await response.arrayBuffer();
      return response.status >= 500 ? `status ${response.status}` : undefined;
    });
    if (answer === LATE) this.report('fetch', `fetch() did not answer within ${this.timeout} ms`);
    else if ('error' in answer) this.report('fetch', `fetch() threw: ${messageOf(answer.error)}`);
    else if (answer.value !== undefined) this.report('fetch', `fetch() gave ${answer.value}`);
    this.compare();
  }

  /** A write whose signal is aborted must end, in whatever way. */
  private async obeySignals(): Promise<void> {
    const method = this.takesEvents ? 'write' : 'writeMetrics';
    const { sink, stop } = await this.open('open');
    if (method === 'write' ? sink.write : sink.writeMetrics) {
      const release = await this.settings.stall?.();
      try {
        await this.abortWrite(sink, method, 'before', (abort) => abort.abort(reason()));
        await this.abortWrite(sink, method, 'during', (abort) => {
          setTimeout(() => abort.abort(reason()), 20);
        });
      } finally {
        await release?.();
      }
    }
    await this.close(sink, stop);
  }

  private async abortWrite(
    sink: Sink,
    method: 'write' | 'writeMetrics',
    when: string,
    arm: (abort: AbortController) => void,
  ): Promise<void> {
    const abort = new AbortController();
    const aborted = new Promise<void>((resolve) => {
      abort.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    arm(abort);
    const call = { signal: abort.signal };
    const write = settle(async () =>
      method === 'write' ? sink.write!(this.events(5), call) : sink.writeMetrics!(this.given.metrics(), call),
    );
    const late = aborted.then(() => delay(this.grace)).then(() => LATE);
    if ((await Promise.race([write, late])) === LATE) {
      this.report(
        'ignored-signal',
        `${method}() whose signal was aborted ${when} it went on for more than ${this.grace} ms; pass call.signal on`,
      );
      // The next write would overlap with this one.
      await Promise.race([write, delay(this.timeout)]);
    }
  }

  private async writeAfterClose(): Promise<void> {
    const { sink, stop } = await this.open('open');
    await this.close(sink, stop);
    const calls = [
      ['write', this.takesEvents && sink.write && (async () => sink.write!(this.events(1), never()))],
      ['writeMetrics', sink.writeMetrics && (async () => sink.writeMetrics!(this.given.metrics(), never()))],
    ] as const;
    for (const [method, call] of calls) {
      if (!call) continue;
      const answer = await this.within<unknown>(call);
      if (answer === LATE) {
        this.report(
          'write-after-close',
          `${method}() after close() did not answer within ${this.timeout} ms`,
        );
      } else if ('value' in answer && (answer.value as { status?: unknown } | undefined)?.status === 'ok') {
        this.report(
          'write-after-close',
          `${method}() after close() answered "ok", as if the batch were delivered; expected "closed" or an error`,
        );
      }
    }
  }

  private async open(what: string): Promise<{ sink: Sink; stop: AbortController }> {
    const stop = new AbortController();
    const context: SinkContext = {
      name: 'under-test',
      directory: process.cwd(),
      labels: { node: 'test' },
      log: { debug() {}, info() {}, warn() {}, error() {} },
      signal: stop.signal,
      telemetry: watchedTelemetry((message) => this.report('telemetry', message)),
      collect: async () => this.given.metrics(),
    };
    const answer = await this.within(async () => this.definition.open(this.options, context));
    if (answer === LATE) return this.over('open', `${what} did not answer within ${this.timeout} ms`);
    if ('error' in answer) return this.over('open', `${what} threw: ${messageOf(answer.error)}`);
    try {
      return { sink: checkSink(answer.value, this.accepts), stop };
    } catch (error) {
      return this.over('open', messageOf(error));
    }
  }

  /** As the host does: the agent's stop is told first. */
  private async close(sink: Sink, stop: AbortController): Promise<void> {
    stop.abort(new Error('the agent stops'));
    await this.settles('close', 'close()', async () => sink.close());
  }

  private async settles(rule: SinkRule, what: string, call: () => Promise<unknown>): Promise<void> {
    const answer = await this.within(call);
    if (answer === LATE) this.report(rule, `${what} did not answer within ${this.timeout} ms`);
    else if ('error' in answer) this.report(rule, `${what} threw: ${messageOf(answer.error)}`);
  }

  private events(rows: number, labelled = true): WatchedBatch {
    return this.given.events(rows, this.accepts, labelled);
  }

  private compare(): void {
    for (const what of this.given.changed)
      this.report('changed-batch', `${what} was changed; it is shared with other sinks: copy it first`);
  }

  private reportForms({ undeclared }: WatchedBatch): void {
    for (const form of undeclared) {
      this.report(
        'undeclared-form',
        `write() read the form "${form}", which accepts.events does not declare`,
      );
    }
  }

  private within<T>(call: () => Promise<T>): Promise<Settled<T> | typeof LATE> {
    return within(call, this.timeout);
  }

  private report(rule: SinkRule, message: string): void {
    const key = `${rule}\0${message}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.violations.push({ rule, message });
  }

  private over(rule: SinkRule, message: string): never {
    this.report(rule, message);
    throw new Over();
  }
}

function never(): { signal: AbortSignal } {
  return { signal: new AbortController().signal };
}

function reason(): Error {
  return new Error('the test aborts this write');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
