import type { SinkContext, SinkDefinition } from '../../plugins/sdk/index.js';

/** What a sink counted of itself, by name. */
export type Counted = Map<string, number>;

/** A sink of ours, opened as the agent does, with the telemetry that it keeps. */
export async function opened<O>(definition: SinkDefinition<O>, options: object, directory = '/') {
  const checked = await definition.options['~standard'].validate(options);
  if (checked.issues) throw new Error(checked.issues.map(({ message }) => message).join());
  const counted: Counted = new Map();
  const context: SinkContext = {
    name: 'tested',
    directory,
    labels: {},
    log: { debug() {}, info() {}, warn() {}, error() {} },
    signal: new AbortController().signal,
    telemetry: {
      counter: (name) => ({ add: (value) => counted.set(name, (counted.get(name) ?? 0) + value) }),
      gauge: (name) => ({ set: (value) => counted.set(name, value) }),
    },
    collect: async () => ({ kind: 'metrics', time: 0n, families: [] }),
  };
  return { sink: await definition.open(checked.value, context), counted };
}

export const call = () => ({ signal: new AbortController().signal });
