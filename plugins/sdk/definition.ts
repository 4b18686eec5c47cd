import { inspect } from 'node:util';
import { SinkDefinitionError, type SinkDefinitionPart } from './definition-error.js';
import type { Accepts, EventForm, Sink, SinkDefinition } from './sink.js';

const FORMS: readonly EventForm[] = ['ndjson', 'columns', 'rows'];
const KEYS = [
  'apiVersion',
  'type',
  'accepts',
  'options',
  'concurrency',
  'maxConcurrency',
  'batch',
  'interval',
  'open',
];
/** Of `batch`: the range of each key, and its unit. */
const BATCH_LIMITS: Readonly<Record<string, readonly [min: number, max: number, unit: string]>> = {
  maxEvents: [1, 1_000_000, 'events'],
  maxBytes: [65_536, 64 * 2 ** 20, 'bytes'],
  maxWait: [0, 3_600, 'seconds'],
};
const ACCEPTS_KEYS = ['events', 'metrics', 'numbers'];
const METHODS = ['write', 'writeMetrics', 'flush', 'reopen', 'close', 'fetch'] as const;
const MAX_CONCURRENCY = 1000;

/** The value as a definition, or a {@link SinkDefinitionError}: plain JavaScript has no compiler that looked at it. */
export function checkDefinition(value: unknown): SinkDefinition<unknown> {
  if (!isObject(value)) {
    fail(
      'definition',
      `a sink is defineSink({ apiVersion, type, accepts, options, open }), not ${show(value)}`,
    );
  }
  const { apiVersion, type, accepts, options, concurrency, maxConcurrency, batch, interval, open } = value;
  // First: a definition of another version may look different in everything else.
  if (apiVersion !== 1) {
    fail(
      'apiVersion',
      `apiVersion is ${show(apiVersion)}; this bee-agent knows version 1: write apiVersion: 1`,
    );
  }
  noOtherKeys('definition', 'the definition', value, KEYS);
  if (typeof type !== 'string' || !/\S/.test(type)) {
    fail('type', `type is ${show(type)}; expected the sink's name, such as 'webhook'`);
  }
  if (typeof accepts !== 'function') checkAccepts(accepts);
  checkOptions(options);
  checkConcurrency('concurrency', concurrency);
  checkConcurrency('maxConcurrency', maxConcurrency);
  if (batch !== undefined) checkBatch(batch);
  if (interval !== undefined && typeof interval !== 'function') checkInterval(interval);
  if (typeof open !== 'function') {
    fail('open', `open is ${show(open)}; expected a function (options, context) that gives the sink`);
  }
  return value as unknown as SinkDefinition<unknown>;
}

/** What a sink accepts with these validated options. */
export function resolveAccepts<O>(definition: SinkDefinition<O>, options: O): Accepts {
  const { accepts } = definition;
  return checkAccepts(typeof accepts === 'function' ? accepts(options) : accepts);
}

/** Seconds between metric writes, where the sink says; undefined: the host's default. */
export function resolveInterval<O>(definition: SinkDefinition<O>, options: O): number | undefined {
  const { interval } = definition;
  if (interval === undefined) return undefined;
  return checkInterval(typeof interval === 'function' ? interval(options) : interval);
}

/** What `open()` gave, against what the definition promised. */
export function checkSink(value: unknown, accepts: Accepts): Sink {
  if (!isObject(value)) fail('sink', `open() gave ${show(value)}; expected an object { write, close, … }`);
  for (const method of METHODS) {
    const member = value[method];
    if (member !== undefined && typeof member !== 'function') {
      fail('sink', `open() gave a sink whose ${method} is ${show(member)}; expected a function`);
    }
  }
  if (value.close === undefined) fail('sink', 'open() gave a sink without close()');
  if (accepts.events && accepts.events.length > 0 && value.write === undefined) {
    fail('sink', `accepts.events declares ${list(accepts.events)}, but open() gave a sink without write()`);
  }
  if (accepts.metrics && value.writeMetrics === undefined && value.fetch === undefined) {
    fail('sink', 'accepts.metrics is true, but open() gave a sink with neither writeMetrics() nor fetch()');
  }
  return value as unknown as Sink;
}

function checkAccepts(value: unknown): Accepts {
  const expected = "expected { events: ['ndjson'], metrics: false } or the like";
  if (!isObject(value)) fail('accepts', `accepts is ${show(value)}; ${expected}`);
  noOtherKeys('accepts', 'accepts', value, ACCEPTS_KEYS);
  const { events, metrics, numbers } = value;
  if (events !== false) {
    if (!Array.isArray(events)) {
      fail(
        'accepts',
        `accepts.events is ${show(events)}; expected a list of forms (${list(FORMS)}), or false`,
      );
    }
    const unknown = events.find((form) => !FORMS.includes(form));
    if (unknown !== undefined || events.includes(undefined)) {
      fail('accepts', `accepts.events names the form ${show(unknown)}; there is ${list(FORMS)}`);
    }
  }
  if (typeof metrics !== 'boolean') {
    fail('accepts', `accepts.metrics is ${show(metrics)}; expected true or false`);
  }
  if (numbers !== undefined && numbers !== 'bigint' && numbers !== 'safe') {
    fail('accepts', `accepts.numbers is ${show(numbers)}; expected 'bigint' or 'safe'`);
  }
  if (!metrics && (events === false || events.length === 0)) {
    fail('accepts', 'accepts neither events nor metrics: nothing would ever reach the sink');
  }
  return value as unknown as Accepts;
}

function checkOptions(options: unknown): void {
  const expected =
    'expected a Standard Schema (zod, valibot, arktype, …) that validates the options of the config, such as z.strictObject({ url: z.url() })';
  const standard =
    isObject(options) || typeof options === 'function' ? (options as Keyed)['~standard'] : undefined;
  if (!isObject(standard)) fail('options', `options is ${show(options)}; ${expected}`);
  if (standard.version !== 1 || typeof standard.validate !== 'function') {
    fail(
      'options',
      `options['~standard'] has version ${show(standard.version)} and validate ${show(standard.validate)}; ${expected}`,
    );
  }
}

function checkConcurrency(key: 'concurrency' | 'maxConcurrency', value: unknown): void {
  if (value === undefined) return;
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_CONCURRENCY) return;
  fail(key, `${key} is ${show(value)}; expected how many writes may run at once: 1 to ${MAX_CONCURRENCY}`);
}

function checkBatch(value: unknown): void {
  if (!isObject(value)) fail('batch', `batch is ${show(value)}; expected { maxEvents, maxBytes, maxWait }`);
  noOtherKeys('batch', 'batch', value, Object.keys(BATCH_LIMITS));
  for (const [key, [min, max, unit]] of Object.entries(BATCH_LIMITS)) {
    const limit = value[key];
    if (limit === undefined || (typeof limit === 'number' && limit >= min && limit <= max)) continue;
    fail('batch', `batch.${key} is ${show(limit)}; expected ${unit}: ${min} to ${max}`);
  }
}

function checkInterval(value: unknown): number {
  // A day: the config's own bound, and well below what a timer can wait.
  if (typeof value === 'number' && value >= 0.1 && value <= 86_400) return value;
  return fail(
    'interval',
    `interval is ${show(value)}; expected seconds between two writeMetrics: 0.1 to 86400`,
  );
}

type Keyed = { readonly [key: string]: unknown };

function isObject(value: unknown): value is Keyed {
  return typeof value === 'object' && value !== null;
}

/** A misspelt `concurency` would otherwise be left out in silence. */
function noOtherKeys(part: SinkDefinitionPart, what: string, value: Keyed, known: readonly string[]): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined)
    fail(part, `${what} has an unknown key ${show(unknown)}; there is ${known.join(', ')}`);
}

function list(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

function show(value: unknown): string {
  if (value === undefined) return 'missing';
  return typeof value === 'function'
    ? 'a function'
    : inspect(value, { depth: 1, breakLength: Infinity }).slice(0, 200);
}

function fail(part: SinkDefinitionPart, message: string): never {
  throw new SinkDefinitionError(part, message);
}
