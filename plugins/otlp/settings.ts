import { validateHeaderName, validateHeaderValue } from 'node:http';
import { hostname } from 'node:os';
import type { OtlpOptions } from './options.js';

export type Signal = 'metrics' | 'logs';

/** Where one signal goes, and how. */
export interface Destination {
  readonly url: URL;
  readonly protocol: 'http/protobuf' | 'http/json';
  readonly gzip: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly verify: boolean;
  /** ms an attempt, where a variable says; the host's own time-out holds beside it. */
  readonly timeout: number | undefined;
}

/** In what form metrics are sent. */
export interface MetricForm {
  readonly temporality: 'cumulative' | 'delta';
  /** Whether histograms of exponential buckets are sent as such. */
  readonly exponential: boolean;
}

const DEFAULT_ENDPOINT = 'http://localhost:4318';

/**
 * The sink's options, and for what they leave open the variables of the OpenTelemetry specification (Protocol
 * Exporter, "Configuration Options"): those of the signal before the general ones.
 */
export function destination(signal: Signal, options: OtlpOptions, env: NodeJS.ProcessEnv): Destination {
  const variable = (name: string): string => {
    const ofSignal = `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`;
    return env[ofSignal] ? ofSignal : `OTEL_EXPORTER_OTLP_${name}`;
  };
  const own = (name: string): string | undefined => env[variable(name)] || undefined;
  const protocol = options.protocol ?? own('PROTOCOL') ?? 'http/protobuf';
  if (protocol !== 'http/protobuf' && protocol !== 'http/json')
    throw wrong(variable('PROTOCOL'), protocol, 'http/protobuf and http/json are spoken here');
  const compression = options.compression ?? own('COMPRESSION') ?? 'gzip';
  if (compression !== 'gzip' && compression !== 'none')
    throw wrong(variable('COMPRESSION'), compression, 'expected gzip or none');
  const timeout = own('TIMEOUT');
  if (timeout !== undefined && !/^[1-9]\d{0,8}$/.test(timeout))
    throw wrong(variable('TIMEOUT'), timeout, 'expected milliseconds, such as 10000');
  return {
    url: endpoint(signal, options, env),
    protocol,
    gzip: compression === 'gzip',
    headers: {
      ...headerList('OTEL_EXPORTER_OTLP_HEADERS', env),
      ...headerList(`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_HEADERS`, env),
      ...options.headers,
    },
    ca: options.tls?.ca ?? own('CERTIFICATE'),
    cert: options.tls?.cert ?? own('CLIENT_CERTIFICATE'),
    key: options.tls?.key ?? own('CLIENT_KEY'),
    verify: options.tls?.insecure_skip_verify !== true,
    timeout: timeout === undefined ? undefined : Number(timeout),
  };
}

const TEMPORALITY = 'OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE';
const HISTOGRAM = 'OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION';
const HISTOGRAMS = new Map([
  ['explicit_bucket_histogram', 'explicit'],
  ['base2_exponential_bucket_histogram', 'exponential'],
]);

/** The options, then the variables (specification, "OpenTelemetry Metrics Exporter - OTLP"). */
export function metricForm(options: OtlpOptions, env: NodeJS.ProcessEnv): MetricForm {
  const preference = (env[TEMPORALITY] || 'cumulative').toLowerCase();
  if (!['cumulative', 'delta', 'lowmemory'].includes(preference))
    throw wrong(TEMPORALITY, preference, 'expected cumulative, delta or lowmemory');
  const aggregation = (env[HISTOGRAM] || 'base2_exponential_bucket_histogram').toLowerCase();
  const histogram = HISTOGRAMS.get(aggregation);
  if (histogram === undefined)
    throw wrong(HISTOGRAM, aggregation, `expected ${[...HISTOGRAMS.keys()].join(' or ')}`);
  return {
    // Ours are observed from outside: where memory is to be spared, they stay cumulative.
    temporality: options.temporality ?? (preference === 'delta' ? 'delta' : 'cumulative'),
    exponential: (options.histogram ?? histogram) === 'exponential',
  };
}

/** A signal's own URL is used as it is; to the general one the signal's path is added. */
function endpoint(signal: Signal, options: OtlpOptions, env: NodeJS.ProcessEnv): URL {
  const whole =
    options[`${signal}_endpoint`] ??
    (options.endpoint === undefined
      ? env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`] || undefined
      : undefined);
  const base = options.endpoint ?? (env.OTEL_EXPORTER_OTLP_ENDPOINT || DEFAULT_ENDPOINT);
  try {
    if (whole !== undefined) return new URL(whole);
    const url = new URL(base);
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/${signal}`;
    return url;
  } catch {
    throw fatal(
      `${JSON.stringify(whole ?? base)} is no URL: an OTLP endpoint looks like ${DEFAULT_ENDPOINT}`,
    );
  }
}

/** service.name, host.name, then OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME, the agent's labels, the options. */
export function resourceAttributes(
  options: OtlpOptions,
  labels: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv,
): Record<string, string> {
  return {
    'service.name': 'bee-agent',
    'host.name': hostname(),
    ...parseList(env.OTEL_RESOURCE_ATTRIBUTES),
    ...(env.OTEL_SERVICE_NAME ? { 'service.name': env.OTEL_SERVICE_NAME } : {}),
    ...labels,
    ...options.resource,
  };
}

/** `key=value,key=value`, percent-encoded (W3C Baggage, as the specification has it). */
function parseList(text: string | undefined): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const part of (text ?? '').split(',')) {
    const equals = part.indexOf('=');
    if (equals < 1) continue;
    pairs[decoded(part.slice(0, equals).trim())] = decoded(part.slice(equals + 1).trim());
  }
  return pairs;
}

/** The values may be secrets: they are not told. */
function headerList(variable: string, env: NodeJS.ProcessEnv): Record<string, string> {
  const headers = parseList(env[variable]);
  for (const [name, value] of Object.entries(headers)) {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
    } catch {
      throw fatal(`${variable}: the header ${JSON.stringify(name)} has characters that HTTP does not allow`);
    }
  }
  return headers;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function wrong(variable: string, value: string, expected: string): Error {
  return fatal(`${variable} is ${JSON.stringify(value)}: ${expected}`);
}

function fatal(message: string): Error {
  return Object.assign(new Error(message), { fatal: true });
}
