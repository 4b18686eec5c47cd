import type { SinkTelemetry } from '../sink.js';

/** Telemetry that goes nowhere; what a sink does wrong with it is reported. */
export function watchedTelemetry(report: (message: string) => void): SinkTelemetry {
  const check = (name: string, help: string): void => {
    if (!/^[a-z][a-z0-9_]*$/.test(name)) report(`"${name}" is no snake_case metric name`);
    if (typeof help !== 'string' || help === '') report(`"${name}" has no help text`);
  };
  return {
    counter: (name, help) => {
      check(name, help);
      if (!name.endsWith('_total')) report(`the counter "${name}" does not end in _total`);
      return {
        add: (value) => {
          if (!(value >= 0)) report(`add(${value}) on the counter "${name}"; counters only go up`);
        },
      };
    },
    gauge: (name, help) => {
      check(name, help);
      return {
        set: (value) => {
          if (typeof value !== 'number') report(`set(${String(value)}) on the gauge "${name}"`);
        },
      };
    },
  };
}
