// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax under test
import { describe, expect, it } from 'vitest';
import { ConfigError, parseConfig } from '../../../config/index.js';

const FILE = '/etc/bee-agent/probes.yaml';
const ENV = { TOKEN: 'hunter2 is the secret', EMPTY: '' };

function problemsOf(text: string | Uint8Array): ConfigError {
  try {
    parseConfig(text, FILE, ENV);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the config was accepted');
}

const probe = (rest = '') => `probes:\n  - image: a/b:1\n${rest}`;
const inMap = (rest: string) => probe(`    maps:\n      print_x: ${rest}\n`);
const agent = (rest: string) => probe(`agent: ${rest}\n`);
const sink = (rest: string) => probe(`sinks:\n  s: ${rest}\n`);

type Case = [title: string, text: string | Uint8Array, code: string, at: string, message: string];

const DURATION = 'a duration with its unit, such as 500ms, 5s, 1m30s or 2h';
const LISTEN = 'an address such as 127.0.0.1:9091, [::1]:9091, :9091 or unix:/run/bee-agent.sock';

const CASES: Case[] = [
  ['no text', '', 'empty', '1:1', 'the file is empty, expected a list of `probes:`'],
  ['comments only', '# nothing\n', 'empty', '1:1', 'the file is empty, expected a list of `probes:`'],
  ['a list at the root', '- a\n', 'wrong_type', '1:1', 'found a list, expected a mapping (key: value)'],
  ['a scalar at the root', 'probes', 'wrong_type', '1:1', 'found probes, expected a mapping (key: value)'],
  ['no probes', 'agent: {}\n', 'missing', '1:1', 'probes: found nothing, expected a list of probes'],
  [
    'probes: without anything',
    'probes:\n',
    'missing',
    '1:8',
    'probes: found nothing, expected a list of probes',
  ],
  [
    'probes that are no list',
    'probes: x\n',
    'wrong_type',
    '1:9',
    'probes: found x, expected a list of probes',
  ],
  [
    'probes as a mapping',
    'probes: { a: 1 }\n',
    'wrong_type',
    '1:9',
    'probes: found a mapping, expected a list of probes',
  ],
  [
    'a verify without a key anywhere',
    probe('    verify: { require: true }\n'),
    'missing',
    '3:13',
    'probes[0].verify: found no key here nor in agent.verify, expected one. Add: key: cosign.pub',
  ],
  [
    'a verify of the agent without a key',
    agent('{ verify: { require: false } }'),
    'missing',
    '3:18',
    'agent.verify: found no key, expected the public key that images are verified with. Add: key: cosign.pub',
  ],
  [
    'a registry with a scheme',
    agent('{ registries: { "https://r.lan": {} } }'),
    'bad_value',
    '3:24',
    'agent.registries["https://r.lan"]: expected as the key a registry: its host, with a port where it has one, such as registry.lan:5000',
  ],
  [
    'certificates without TLS',
    agent('{ registries: { r.lan: { plain_http: true, ca: x.pem } } }'),
    'conflict',
    '3:55',
    'agent.registries["r.lan"].ca: found beside plain_http, which has no certificates. Remove one',
  ],
  [
    'one registry in two spellings',
    agent('{ registries: { r.lan: {}, R.lan: {} } }'),
    'duplicate_name',
    '3:42',
    'agent.registries["R.lan"]: the same host a second time: capital letters make no difference. Remove one',
  ],
  [
    'a time-out without a unit',
    agent('{ pull_timeout: 5 }'),
    'wrong_type',
    '3:24',
    'agent.pull_timeout: found 5, expected a duration with its unit, such as 500ms, 5s, 1m30s or 2h, from 1s to 24h',
  ],
  [
    'a verify of a file',
    'probes:\n  - file: a.o\n    verify: { key: k }\n',
    'conflict',
    '3:13',
    'probes[0].verify: found beside file, expected beside image: a file has no signature. Remove one',
  ],
  [
    'a verify with a list of no keys',
    agent('{ verify: { key: [] } }'),
    'bad_value',
    '3:25',
    'agent.verify.key: found a list, expected at least one public key',
  ],
  [
    'no probe in the list',
    'probes: []\n',
    'bad_value',
    '1:9',
    'probes: found a list, expected at least one probe, such as: - image: ghcr.io/solo-io/bumblebee/tcpconnect:0.0.14',
  ],
  [
    'a probe that is text',
    'probes: [x]\n',
    'wrong_type',
    '1:10',
    'probes[0]: found x, expected a mapping (key: value)',
  ],
  [
    'an unknown key at the root',
    probe('prboes: 1\n'),
    'unknown_key',
    '3:1',
    'prboes: unknown key. Did you mean "probes"?',
  ],
  [
    'an unknown key that is like none',
    probe('zzz: 1\n'),
    'unknown_key',
    '3:1',
    'zzz: unknown key. Known here: probes, sinks, agent',
  ],
  [
    'an unknown key of a probe',
    probe('    parms: {}\n'),
    'unknown_key',
    '3:5',
    'probes[0].parms: unknown key. Did you mean "params"?',
  ],
  [
    'an unknown key of a map',
    inMap('{ maxSeries: 5 }'),
    'unknown_key',
    '4:18',
    'probes[0].maps.print_x.maxSeries: unknown key. Did you mean "max_series"?',
  ],
  [
    'an unknown key of the agent',
    agent('{ lisen: x }'),
    'unknown_key',
    '3:10',
    'agent.lisen: unknown key. Did you mean "listen"?',
  ],
  [
    'an unknown key of a queue',
    sink('{ type: stdout, queue: { time_out: 1s } }'),
    'unknown_key',
    '4:31',
    'sinks.s.queue.time_out: unknown key. Did you mean "timeout"?',
  ],
  [
    'neither image nor file',
    'probes:\n  - name: x\n',
    'missing',
    '2:5',
    'probes[0]: found neither image nor file, expected one of them. Add: image: REFERENCE',
  ],
  [
    'both image and file',
    probe('    file: ./x.o\n'),
    'conflict',
    '3:11',
    'probes[0].file: found both image and file, expected one of them. Remove one',
  ],
  [
    'an image with a space',
    'probes: [{ image: "a b" }]',
    'bad_value',
    '1:19',
    'probes[0].image: found "a b", expected an image reference such as ghcr.io/solo-io/bumblebee/tcpconnect:0.0.14',
  ],
  [
    'an empty file name',
    'probes: [{ file: "" }]',
    'bad_value',
    '1:18',
    'probes[0].file: found "", expected the path of an object file',
  ],
  [
    'two probes of one default name',
    probe('  - image: c/b:2\n'),
    'duplicate_name',
    '3:5',
    'probes[1]: the name made of its image is that of probes[0] too. Add: name: ANOTHER',
  ],
  [
    'two probes of one name',
    probe('  - { image: c/d, name: b }\n'),
    'duplicate_name',
    '3:25',
    'probes[1].name: found b, which is the name of probes[0] too. Choose another',
  ],
  [
    'a file without a usable name',
    'probes: [{ file: "./my probe.o" }]',
    'bad_value',
    '1:18',
    'probes[0].file: no name for the probe can be made of its file. Add: name: NAME',
  ],
  [
    'a name with a slash',
    probe('    name: a/b\n'),
    'bad_value',
    '3:11',
    'probes[0].name: found a/b, expected a name of 1 to 63 letters, digits, "_", "." and "-"',
  ],
  [
    'a wrong pull policy',
    probe('    pull: sometimes\n'),
    'bad_value',
    '3:11',
    'probes[0].pull: found sometimes, expected one of always, missing, never',
  ],
  [
    'a parameter that is a list',
    probe('    params: { a: [1] }\n'),
    'bad_value',
    '3:18',
    'probes[0].params.a: found a list, expected a number, true, false or text',
  ],
  [
    'a parameter without a value',
    probe('    params:\n      a:\n'),
    'missing',
    '4:9',
    'probes[0].params.a: found nothing, expected a number, true, false or text',
  ],
  [
    'a frequency of 0',
    probe('    frequency: 0\n'),
    'bad_value',
    '3:16',
    'probes[0].frequency: found 0, expected a whole number from 1 to 100000',
  ],
  [
    'a wrong export',
    inMap('{ export: events }'),
    'bad_value',
    '4:26',
    'probes[0].maps.print_x.export: found events, expected one of event, counter, gauge, histogram, none',
  ],
  [
    'an empty filter',
    inMap('{ filter: "" }'),
    'bad_value',
    '4:26',
    'probes[0].maps.print_x.filter: found "", expected an expression such as: ret < 0 && comm != "systemd"',
  ],
  [
    'labels that are no list',
    inMap('{ labels: comm }'),
    'wrong_type',
    '4:26',
    'probes[0].maps.print_x.labels: found comm, expected a list of field names',
  ],
  [
    'a duration without a unit',
    inMap('{ interval: 5 }'),
    'wrong_type',
    '4:28',
    `probes[0].maps.print_x.interval: found 5, expected ${DURATION}, from 10ms to 24h`,
  ],
  [
    'a duration of another unit',
    inMap('{ interval: 5 min }'),
    'bad_value',
    '4:28',
    `probes[0].maps.print_x.interval: found 5 min, expected ${DURATION}, from 10ms to 24h`,
  ],
  [
    'a duration that is too short',
    inMap('{ interval: 0s }'),
    'bad_value',
    '4:28',
    `probes[0].maps.print_x.interval: found 0s, expected ${DURATION}, from 10ms to 24h`,
  ],
  [
    'buckets out of order',
    inMap('{ buckets: [1, 5, 5] }'),
    'bad_value',
    '4:34',
    'probes[0].maps.print_x.buckets[2]: found 5 after 5, expected upper bounds that ascend. Sort them, each once',
  ],
  [
    'a bucket that is infinite',
    inMap('{ buckets: [1, .inf] }'),
    'wrong_type',
    '4:31',
    'probes[0].maps.print_x.buckets[1]: found .inf, expected a number',
  ],
  [
    'a bucket that is text',
    inMap('{ buckets: [1, "2"] }'),
    'wrong_type',
    '4:31',
    'probes[0].maps.print_x.buckets[1]: found "2", expected a number',
  ],
  [
    'no bucket',
    inMap('{ buckets: [] }'),
    'bad_value',
    '4:27',
    'probes[0].maps.print_x.buckets: found a list, expected at least one upper bound',
  ],
  [
    'series by a fraction',
    inMap('{ max_series: 1.5 }'),
    'wrong_type',
    '4:30',
    'probes[0].maps.print_x.max_series: found 1.5, expected a whole number from 1 to 10000000',
  ],
  [
    'a metric with a dash',
    inMap('{ metric: a-b }'),
    'bad_value',
    '4:26',
    'probes[0].maps.print_x.metric: found a-b, expected a metric name of letters, digits and "_" that begins with no digit',
  ],
  [
    'a type that is none',
    inMap('{ type: "struct 5" }'),
    'bad_value',
    '4:24',
    'probes[0].maps.print_x.type: found "struct 5", expected a C type such as: struct event',
  ],
  [
    'a sink that is not there',
    `${probe('    sinks: [consle]\n')}sinks: { console: { type: stdout } }\n`,
    'unknown_sink',
    '3:13',
    'probes[0].sinks[0]: found consle, expected the name of a sink under `sinks:`. Did you mean "console"?',
  ],
  [
    'a sink that is not among the default ones',
    probe('    sinks: [loki]\n'),
    'unknown_sink',
    '3:13',
    'probes[0].sinks[0]: found loki, expected the name of a sink under `sinks:`. There are: stdout, prometheus',
  ],
  [
    'a sink named twice',
    probe('    sinks: [stdout, stdout]\n'),
    'duplicate_name',
    '3:21',
    'probes[0].sinks[1]: found stdout a second time. Remove one',
  ],
  [
    'a probe with an empty list of sinks',
    probe('    sinks: []\n'),
    'bad_value',
    '3:12',
    'probes[0].sinks: found a list, expected at least one sink. Leave `sinks` out for all of them',
  ],
  [
    'a sink without a type',
    sink('{ format: json }'),
    'missing',
    '4:6',
    'sinks.s.type: found nothing, expected stdout, prometheus, file, loki, otlp, a package name, or a path such as ./my-sink.js',
  ],
  [
    'a sink whose type is misspelt',
    sink('{ tpye: stdout }'),
    'missing',
    '4:6',
    'sinks.s.type: found nothing, expected stdout, prometheus, file, loki, otlp, a package name, or a path such as ./my-sink.js. Did you mean "type" by "tpye"?',
  ],
  [
    'a sink that is text',
    sink('stdout'),
    'wrong_type',
    '4:6',
    'sinks.s: found stdout, expected a mapping (key: value)',
  ],
  [
    'a sink without anything',
    sink(''),
    'missing',
    '4:6',
    'sinks.s: found nothing, expected a mapping (key: value)',
  ],
  [
    'sinks that are a list',
    probe('sinks: [stdout]\n'),
    'wrong_type',
    '3:8',
    'sinks: found a list, expected a mapping of sink names to settings',
  ],
  [
    'a sink named like an index',
    probe('sinks: { 1: { type: stdout } }\n'),
    'bad_value',
    '3:10',
    'sinks.1: expected as the key a name of a letter and up to 62 letters, digits, "_", "." and "-"',
  ],
  [
    'a word for a boolean',
    sink('{ type: stdout, isolate: no }'),
    'wrong_type',
    '4:31',
    'sinks.s.isolate: found no, expected process, thread, true or false',
  ],
  [
    'a queue of a few bytes',
    sink('{ type: stdout, queue: { max_bytes: 10B } }'),
    'bad_value',
    '4:42',
    'sinks.s.queue.max_bytes: found 10B, expected a size such as 64MiB, 10MB or a number of bytes, from 64KiB to 64GiB',
  ],
  [
    'a size of another unit',
    sink('{ type: stdout, queue: { max_bytes: 1TB } }'),
    'bad_value',
    '4:42',
    'sinks.s.queue.max_bytes: found 1TB, expected a size such as 64MiB, 10MB or a number of bytes, from 64KiB to 64GiB',
  ],
  [
    'a list for the size of a write',
    sink('{ type: stdout, batch: { max_bytes: [1MiB] } }'),
    'wrong_type',
    '4:42',
    'sinks.s.batch.max_bytes: found a list, expected a size such as 1MiB, 500kB or a number of bytes, from 64KiB to 64MiB',
  ],
  [
    'a truth for the size of a buffer',
    sink('{ type: stdout, buffer: { path: ., max_size: true } }'),
    'wrong_type',
    '4:51',
    'sinks.s.buffer.max_size: found true, expected a size such as 1GiB, 500MB or a number of bytes, from 1MiB to 1024GiB',
  ],
  [
    'a port without a host',
    agent('{ listen: 9091 }'),
    'wrong_type',
    '3:18',
    `agent.listen: found 9091, expected ${LISTEN}`,
  ],
  [
    'a port that is too high',
    agent('{ listen: "127.0.0.1:65536" }'),
    'bad_value',
    '3:18',
    `agent.listen: found "127.0.0.1:65536", expected ${LISTEN}`,
  ],
  [
    'a bare IPv6 address',
    agent('{ listen: "::1:9091" }'),
    'bad_value',
    '3:18',
    `agent.listen: found "::1:9091", expected ${LISTEN}`,
  ],
  [
    'a socket path that is too long',
    agent(`{ listen: "unix:/${'x'.repeat(107)}" }`),
    'bad_value',
    '3:18',
    `agent.listen: found "unix:/${'x'.repeat(53)}…, expected ${LISTEN}`,
  ],
  [
    'no worker',
    agent('{ workers: 0 }'),
    'bad_value',
    '3:19',
    'agent.workers: found 0, expected a whole number from 1 to 64',
  ],
  [
    "a label that is the agent's own",
    agent('{ labels: { probe: x } }'),
    'bad_value',
    '3:20',
    'agent.labels.probe: expected as the key a label name that the agent does not use itself (probe, map, sink, reason, le, quantile, overflow)',
  ],
  [
    'a label with a dash',
    agent('{ labels: { a-b: x } }'),
    'bad_value',
    '3:20',
    'agent.labels.a-b: expected as the key a label name of letters, digits and "_" that begins with no digit and no "__"',
  ],
  [
    'a missing variable',
    probe('    name: x-${NOWHERE}-${EMPTY}\n'),
    'missing_variable',
    '3:13',
    'probes[0].name: environment variable NOWHERE is not set. Set it, or give a default: ${NOWHERE:-default}',
  ],
  [
    'a malformed expansion',
    probe('    name: ${1X}\n'),
    'bad_expansion',
    '3:11',
    'probes[0].name: found ${1X}, expected ${NAME} or ${NAME:-default}. Write $$ for a dollar',
  ],
  [
    'an expansion without its end',
    probe('    name: "ab${X"\n'),
    'bad_expansion',
    '3:14',
    'probes[0].name: found ${X, expected ${NAME} or ${NAME:-default}. Write $$ for a dollar',
  ],
  [
    'an unquoted variable between braces',
    agent('{ storage: ${HOME} }'),
    'syntax',
    '3:20',
    'no valid YAML: Unexpected flow-map-start at node end. Between { } and [ ], write variables in quotes: "${NAME}"',
  ],
  [
    'a key twice',
    probe('    pull: never\n    pull: always\n'),
    'duplicate_key',
    '4:5',
    'found the key "pull" a second time; the first is at line 3, column 5. Remove one of them',
  ],
  [
    'a tab as indentation',
    'probes:\n\t- image: x\n',
    'syntax',
    '2:1',
    'found a tab as indentation, expected spaces',
  ],
  [
    'a bracket that stays open',
    'probes: [\n',
    'syntax',
    '2:1',
    'no valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  [
    'two documents',
    probe('---\nprobes: []\n'),
    'multiple_documents',
    '3:1',
    'found a second document, expected one. Remove the --- before it, or make two files',
  ],
  [
    'a tag that would run code',
    'probes: !!js/function "() => 1"\n',
    'tag',
    '1:23',
    'found a YAML tag (!…) that is not supported, expected a plain value. Remove the tag, or quote the text',
  ],
  [
    'an unknown alias',
    'probes: *nobody\n',
    'alias',
    '1:9',
    'found the alias *nobody, expected an anchor &nobody that ends before it',
  ],
  [
    'an alias of what holds it',
    'probes: &a [*a]\n',
    'alias',
    '1:13',
    'found the alias *a, expected an anchor &a that ends before it',
  ],
  [
    'a merge of no mapping',
    probe('    <<: 5\n'),
    'alias',
    '3:9',
    'found << without a mapping to merge, expected an alias: <<: *name',
  ],
  [
    'the key __proto__',
    probe('__proto__: { x: 1 }\n'),
    'bad_key',
    '3:1',
    'found the key __proto__, expected a name',
  ],
  [
    'a key that is a list',
    '[a]: 1\nprobes: []\n',
    'bad_key',
    '1:1',
    'found a key that is no text, expected a name',
  ],
  [
    'a NUL byte',
    'probes:\n  - image: "a\0b"\n',
    'control_character',
    '2:14',
    'found the control character U+0000, expected text',
  ],
  [
    'bytes that are no UTF-8',
    Buffer.from('probes:\n  - image: \ufffd \xff', 'latin1'),
    'encoding',
    '2:12',
    'found bytes that are no UTF-8. Save the file as UTF-8',
  ],
  [
    'UTF-16',
    Buffer.from('\ufeffprobes:', 'utf16le'),
    'encoding',
    '1:1',
    'found bytes that are no UTF-8. Save the file as UTF-8',
  ],
  [
    'more than 1 MiB',
    Buffer.alloc(1024 * 1024 + 1, '#'),
    'too_large',
    '1:1',
    'found more than 1024 KiB, expected a smaller file',
  ],
];

describe('errors', () => {
  it.each(CASES)('%s', (_, text, code, at, message) => {
    const error = problemsOf(text);
    const shown = error.problems.map(({ code, position, message }) => ({
      code,
      at: `${position.line}:${position.column}`,
      message,
    }));
    expect(shown).toContainEqual({ code, at, message });
    expect(error.code).toBe('invalid');
    expect(error.message.split('\n')).toContain(`${FILE}:${at}: ${message}`);
  });

  const ALONE = CASES.filter(([title]) => !['a key that is a list', 'UTF-16'].includes(title));
  it.each(ALONE)('%s: is one problem and not several', (_, text) => {
    expect(problemsOf(text).problems.map(({ message }) => message)).toHaveLength(1);
  });

  it('are reported all at once, in the order of the file', () => {
    const error = problemsOf(`probes:
  - imgae: x
    pull: sometimes
    sinks: [nowhere]
  - image: \${NOWHERE}
    maps:
      hist_x: { buckets: [3, 2], interval: 1 }
sinks:
  s: { type: 5 }
agent:
  workers: many
  workers: 2
`);
    expect(error.problems.map(({ code, position }) => `${position.line} ${code}`)).toEqual([
      '2 unknown_key',
      '2 missing',
      '3 bad_value',
      '4 unknown_sink',
      '5 missing_variable',
      '7 bad_value',
      '7 wrong_type',
      '9 wrong_type',
      '11 wrong_type',
      '12 duplicate_key',
    ]);
  });

  it('show what was written, never what a variable holds', () => {
    const error = problemsOf(`probes:
  - image: \${TOKEN}
    name: \${TOKEN}
    pull: "\${TOKEN}"
    file: \${TOKEN}
    frequency: \${TOKEN}
    sinks: ["\${TOKEN}", "\${TOKEN}"]
    maps: { x: { interval: "\${TOKEN}", filter: [ "\${TOKEN}" ], buckets: ["\${TOKEN}"] } }
  - \${TOKEN}
sinks: { s: "\${TOKEN}" }
agent: { listen: "\${TOKEN}", workers: "\${TOKEN}", labels: "\${TOKEN}" }
`);
    expect(error.problems.length).toBeGreaterThan(12);
    expect(error.message).toContain('${TOKEN}');
    expect(error.message).not.toContain('hunter2');
    expect(JSON.stringify(error.problems)).not.toContain('hunter2');
  });

  it('stop being listed after the fiftieth', () => {
    const error = problemsOf(probe(Array.from({ length: 60 }, (_, index) => `key${index}: 1\n`).join('')));
    expect(error.problems).toHaveLength(60);
    expect(error.message.split('\n')).toHaveLength(51);
    expect(error.message).toMatch(/… and 10 more problems$/);
  });
});
