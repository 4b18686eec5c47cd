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
}

const DEFAULT_ENDPOINT = 'http://localhost:4318';

/**
 * The sink's options, and for what they leave open the variables of the OpenTelemetry specification (Protocol
 * Exporter, "Configuration Options"): those of the signal before the general ones.
 */
export function destination(signal: Signal, options: OtlpOptions, env: NodeJS.ProcessEnv): Destination {
  const own = (name: string): string | undefined =>
    env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`] ||
    env[`OTEL_EXPORTER_OTLP_${name}`] ||
    undefined;
  const protocol = options.protocol ?? own('PROTOCOL') ?? 'http/protobuf';
  if (protocol !== 'http/protobuf' && protocol !== 'http/json')
    throw fatal(
      `OTEL_EXPORTER_OTLP_PROTOCOL is ${JSON.stringify(protocol)}: http/protobuf and http/json are spoken here`,
    );
  const compression = options.compression ?? own('COMPRESSION') ?? 'gzip';
  return {
    url: endpoint(signal, options, env),
    protocol,
    gzip: compression === 'gzip',
    headers: {
      ...parseList(env.OTEL_EXPORTER_OTLP_HEADERS),
      ...parseList(env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_HEADERS`]),
      ...options.headers,
    },
    ca: options.tls?.ca ?? own('CERTIFICATE'),
    cert: options.tls?.cert ?? own('CLIENT_CERTIFICATE'),
    key: options.tls?.key ?? own('CLIENT_KEY'),
    verify: options.tls?.insecure_skip_verify !== true,
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
export function resourceAttributes(options: OtlpOptions, env: NodeJS.ProcessEnv): Record<string, string> {
  return {
    'service.name': 'bee-agent',
    'host.name': hostname(),
    ...parseList(env.OTEL_RESOURCE_ATTRIBUTES),
    ...(env.OTEL_SERVICE_NAME ? { 'service.name': env.OTEL_SERVICE_NAME } : {}),
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

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function fatal(message: string): Error {
  return Object.assign(new Error(message), { fatal: true });
}
