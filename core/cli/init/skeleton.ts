import type { AttachChoice, MapChoice, OutputChoice } from './choices.js';
import type { ProbeKind, SkeletonField } from './kind.js';

export interface SkeletonChoice {
  readonly kind: ProbeKind;
  readonly map: MapChoice;
  readonly output: OutputChoice;
  /** One of the kind's forms. */
  readonly attach: AttachChoice;
}

/** The source of a probe that builds, loads and reports as it is. It calls `bee` so: others read it, elsewhere. */
export function skeletonText(choice: SkeletonChoice, fileName: string): string {
  const { kind, attach } = choice;
  const form = kind.forms.find((one) => one.attach === attach)!;
  const parts = [
    head(kind, fileName),
    includes(kind),
    kind.preamble,
    kind.measures === 'time' ? shortest(kind) : undefined,
    kind.start && starts(kind.start),
    types(choice),
    map(choice),
    report(choice),
    form.programs,
    'char LICENSE[] SEC("license") = "Dual BSD/GPL";',
  ];
  return `${parts.filter((part) => part !== undefined).join('\n\n')}\n`;
}

function head({ summary, notes }: ProbeKind, fileName: string): string {
  const name = fileName
    .replace(/\.[^.]*$/, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  const image = `localhost/${name.replace(/^-+|-+$/g, '') || 'probe'}:v1`;
  return [
    `// ${summary[0]!.toUpperCase()}${summary.slice(1)}.`,
    ...notes.map((line) => `// ${line}`.trimEnd()),
    '//',
    `//   bee build ${fileName} ${image}`,
    `//   sudo bee run ${image}`,
  ].join('\n');
}

function includes({ includes: further = [] }: ProbeKind): string {
  const system = ['bpf/bpf_helpers.h', 'bpf/bpf_core_read.h', 'bpf/bpf_tracing.h', ...further];
  return ['#include "vmlinux.h"', ...system.map((file) => `#include <${file}>`), '#include "bee.h"'].join(
    '\n',
  );
}

function shortest({ shortest: initial = 0 }: ProbeKind): string {
  return `// Nanoseconds: what took less is passed over. Set it by --param shortest=1ms.
const volatile duration shortest = ${initial};`;
}

function starts({ key, members }: NonNullable<ProbeKind['start']>): string {
  return `struct start {
	__u64 time;${members.map((member) => `\n\t${member}`).join('')}
};

// What has begun. The oldest go when there are too many.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, ${key});
	__type(value, struct start);
} starts SEC(".maps");`;
}

const PREFIXES: Readonly<Record<OutputChoice, string>> = {
  print: 'print',
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'hist',
};

/** The prefix of the name says what becomes of the map. */
function mapName({ kind, output }: SkeletonChoice): string {
  const measured = output === 'gauge' ? `last_${kind.quantity}` : kind.quantity;
  return `${PREFIXES[output]}_${output === 'print' || output === 'counter' ? kind.plural : measured}`;
}

/** C type of a value in nanoseconds or bytes. */
function valueType({ kind }: SkeletonChoice): string {
  return kind.measures === 'time' ? 'duration' : '__u64';
}

/** Name of the measured value in an event. */
function valueName({ kind }: SkeletonChoice): string {
  return kind.measures === 'time' ? 'took' : 'bytes';
}

function structName({ kind, map: type }: SkeletonChoice): string {
  const singular = kind.plural.replace(/s$/, '');
  return `${singular}_${type === 'RingBuffer' ? 'event' : 'key'}`;
}

function fieldsOf({ kind, map: type, output }: SkeletonChoice): readonly SkeletonField[] {
  return type === 'RingBuffer' && output === 'print' ? [...kind.details, ...kind.labels] : kind.labels;
}

/** The field behind those that are filled in alike: the value, or a bucket's bound. */
function lastField(choice: SkeletonChoice): string | undefined {
  const { map: type, output, kind } = choice;
  if (type === 'HashMap') return output === 'histogram' ? `${valueType(choice)} le` : undefined;
  switch (output) {
    case 'print':
      return `${valueType(choice)} ${valueName(choice)}`;
    case 'counter':
      return undefined;
    case 'gauge':
      return `${valueType(choice)} value`;
    case 'histogram':
      return kind.measures === 'time' ? '__u64 le; // microseconds' : '__u64 le';
  }
}

function types(choice: SkeletonChoice): string {
  const last = lastField(choice);
  const lines = [...fieldsOf(choice).map(({ declaration }) => declaration), ...(last ? [last] : [])];
  const members = lines.map((line) => `\t${line.includes(';') ? line : `${line};`}`);
  return `// ${meaning(choice)}\nstruct ${structName(choice)} {\n${members.join('\n')}\n};`;
}

function meaning({ map: type, output }: SkeletonChoice): string {
  if (type === 'HashMap') {
    return output === 'histogram' ? 'Labels, and the upper bound of the bucket.' : 'Labels.';
  }
  switch (output) {
    case 'print':
      return 'An event.';
    case 'counter':
      return 'One more of these labels.';
    case 'gauge':
      return 'Labels, and the value that stands from now on.';
    case 'histogram':
      return 'Labels, and the value that is observed: le.';
  }
}

function map(choice: SkeletonChoice): string {
  const name = mapName(choice);
  if (choice.map === 'RingBuffer') {
    return `struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
	__type(value, struct ${structName(choice)});
} ${name} SEC(".maps");

BEE_LOST(${name});`;
  }
  const value = choice.output === 'print' || choice.output === 'gauge' ? valueType(choice) : '__u64';
  return `struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, struct ${structName(choice)});
	__type(value, ${value});
} ${name} SEC(".maps");`;
}

function report(choice: SkeletonChoice): string {
  const parameters = [...choice.kind.reportParameters, `__u64 ${valueName(choice)}`].join(', ');
  const body = choice.map === 'RingBuffer' ? ringBody(choice) : hashBody(choice);
  return `static __always_inline void report(${parameters})\n{\n${body.map((line) => (line === '' ? '' : `\t${line}`)).join('\n')}\n}`;
}

function fills(choice: SkeletonChoice, record: string): string[] {
  return fieldsOf(choice).map(({ fill }) => fill.replaceAll('{x}', record));
}

function ringBody(choice: SkeletonChoice): string[] {
  const value = valueName(choice);
  const last: Readonly<Record<OutputChoice, string | undefined>> = {
    print: `event->${value} = ${value};`,
    counter: undefined,
    gauge: `event->value = ${value};`,
    histogram: `event->le = ${value}${choice.kind.measures === 'time' ? ' / 1000' : ''};`,
  };
  const statement = last[choice.output];
  return [
    `struct ${structName(choice)} *event = bee_reserve(${mapName(choice)}, sizeof(*event));`,
    'if (!event)',
    '	return;',
    ...fills(choice, 'event->'),
    ...(statement === undefined ? [] : [statement]),
    'bpf_ringbuf_submit(event, 0);',
  ];
}

function hashBody(choice: SkeletonChoice): string[] {
  const name = mapName(choice);
  const value = valueName(choice);
  const key = [
    `struct ${structName(choice)} key;`,
    '// Whole, for its padding is part of the key.',
    '__builtin_memset(&key, 0, sizeof(key));',
    ...fills(choice, 'key.'),
  ];
  const count = [
    '__u64 zero = 0;',
    `bpf_map_update_elem(&${name}, &key, &zero, BPF_NOEXIST);`,
    `__u64 *count = bpf_map_lookup_elem(&${name}, &key);`,
    'if (count)',
    '	__sync_fetch_and_add(count, 1);',
  ];
  switch (choice.output) {
    case 'print':
    case 'gauge':
      return [...key, `bpf_map_update_elem(&${name}, &key, &${value}, BPF_ANY);`];
    case 'counter':
      return [...key, ...count];
    case 'histogram': {
      const smallest = choice.kind.measures === 'time' ? 1024 : 1;
      return [
        ...key,
        '// Each bucket is twice as wide as the one below it.',
        `key.le = ${smallest};`,
        `for (int i = 0; i < 40 && key.le < ${value}; i++)`,
        '	key.le <<= 1;',
        ...count,
      ];
    }
  }
}
