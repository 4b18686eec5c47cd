// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the syntax under test
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError, type ProblemCode, parseConfig } from '../../../config/index.js';

/** Fifty lines of a place and a sentence or two. */
const MAX_MESSAGE = 50 * 500;

/** Problem codes of a text, or none when it is accepted; anything but a ConfigError is a failure. */
function codes(text: string | Uint8Array): ProblemCode[] {
  try {
    parseConfig(text, '/x/probes.yaml', { A: 'x' });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.code).toBe('invalid');
    expect(error.problems.length).toBeGreaterThan(0);
    // However large the text: problems grow with it and no faster, and what is said can be read.
    expect(error.problems.length).toBeLessThanOrEqual(text.length + 2);
    expect(error.message.length).toBeLessThan(MAX_MESSAGE);
    for (const { position, message } of error.problems.slice(0, 100)) {
      expect(position.line).toBeGreaterThan(0);
      expect(position.column).toBeGreaterThan(0);
      expect(message).not.toBe('');
    }
    return error.problems.map(({ code }) => code);
  }
}

const LAUGHS = `a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]
${[...'bcdefghij'].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[index]}`).join(', ')}]`).join('\n')}
probes: *j
`;
const fill = (text: string, size = 200_000) => text.repeat(Math.floor(size / text.length));

describe('hostile text', () => {
  it.each<[string, string, ProblemCode | undefined]>([
    ['a billion laughs', LAUGHS, 'too_large'],
    ['laughs by merge keys', LAUGHS.replaceAll('[', '[{').replaceAll(']', '}]'), undefined],
    ['deep flow lists', fill('[', 1024 * 1024), 'too_deep'],
    ['deep flow mappings', fill('{a: '), 'too_deep'],
    ['closed deep lists', `${'['.repeat(400)}${']'.repeat(400)}`, 'too_deep'],
    [
      'deep block mappings',
      Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
      'too_deep',
    ],
    ['deep inline lists', fill('- '), undefined],
    ['question marks', fill('? '), undefined],
    ['many values', `probes: [${'1,'.repeat(300_000)}]`, 'too_large'],
    ['many keys', Array.from({ length: 60_000 }, (_, key) => `k${key}: 1`).join('\n'), undefined],
    ['many keys twice', fill('a: 1\n'), undefined],
    ['many anchors', fill('- &a x\n'), undefined],
    ['many aliases', `a: &a 1\nprobes: [${'*a,'.repeat(100_000)}]`, 'too_large'],
    ['many documents', fill('---\n'), undefined],
    ['many quotes', fill('"'), 'syntax'],
    ['many closing brackets', fill(']'), 'syntax'],
    ['braces with a variable', `a: ${'{'.repeat(100_000)}\${X`, undefined],
    ['many variables', `a: "${fill('$'.repeat(4)).slice(0, 900_000)}"`, undefined],
    ['many missing variables', `probes: "${'${NO}'.repeat(100_000)}"`, 'missing_variable'],
    ['variables that do not end', `probes: "${'${'.repeat(400_000)}"`, 'bad_expansion'],
    ['a long scalar', `probes: ${'x'.repeat(900_000)}`, 'wrong_type'],
    ['a long number', `probes: [{ image: x, params: { a: ${'9'.repeat(900_000)} } }]`, undefined],
    ['many newlines', `${'\n'.repeat(900_000)}probes: 1`, 'wrong_type'],
    ['a long key', `${'k'.repeat(900_000)}: 1`, undefined],
    ['a bang', fill('!'), undefined],
    ['NUL bytes', fill('\0'), 'control_character'],
    ['an escape', 'probes: \u001b[31m', 'control_character'],
    ['a code tag', 'probes: !!js/function "process.exit(1)"', 'tag'],
    ['a code tag on a mapping', 'probes: !!js/eval { a: 1 }', 'tag'],
    ['a binary tag', 'probes: !!binary aGk=', 'tag'],
    ['a tag by directive', '%TAG ! tag:x.org,2000:\n---\nprobes: !y 1\n', 'tag'],
    ['a lone surrogate', 'probes: \ud800', 'wrong_type'],
  ])('%s', (_, text, code) => {
    const found = codes(text);
    if (code !== undefined) expect(found).toContain(code);
  });

  it('does not reach any prototype', () => {
    for (const text of [
      '__proto__: { polluted: 1 }\nprobes: [{ image: x }]',
      'probes: [{ image: x, params: { "__proto__": { polluted: 1 } } }]',
      'probes: [{ image: x }]\nsinks: { s: { type: t, __proto__: { polluted: 1 } } }',
      'a: &a { "__proto__": { polluted: 1 } }\nprobes: [{ image: x, <<: *a }]',
      'probes: [{ image: x }]\nsinks: { constructor: { type: t, prototype: { polluted: 1 } } }',
    ]) {
      codes(text);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    }
  });

  it('is a ConfigError or a config, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void codes(bytes)),
      { numRuns: 2000 },
    );
  });

  it('is a ConfigError or a config, whatever the pieces of YAML', () => {
    const piece = fc.constantFrom(
      ...[
        'probes',
        'image',
        'maps',
        'sinks',
        'agent',
        'a',
        ': ',
        ':',
        '- ',
        '\n',
        '\n  ',
        '\n    ',
        '\t',
        '[',
        ']',
        '{',
      ],
      ...[
        '}',
        ', ',
        '&a ',
        '*a',
        '<<',
        '"',
        "'",
        '|\n',
        '>\n',
        '? ',
        '!!str ',
        '!x ',
        '${A}',
        '${',
        '$$',
        '#',
        '---\n',
      ],
      ...[
        '%YAML 1.1\n',
        '1',
        '5s',
        '.inf',
        'null',
        '~',
        '\r\n',
        '\u2028',
        '\ufeff',
        '__proto__',
        '\\',
        '...\n',
      ],
    );
    const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(text, (yaml) => void codes(yaml)),
      { numRuns: 5000 },
    );
  });

  it('is a ConfigError or a config, whatever a valid file is changed to', () => {
    const valid = `probes:
  - image: ghcr.io/x/y:1
    params: { a: 1, b: "x" }
    maps: { hist_a: { buckets: [1, 2], labels: [x], interval: 5s } }
    sinks: [s]
sinks: { s: { type: stdout, queue: { max_bytes: 1MiB } } }
agent: { listen: ":1", labels: { n: "\${A}" } }
`;
    const edit = fc.record({
      at: fc.nat(valid.length),
      remove: fc.nat(12),
      insert: fc.oneof(
        fc.string({ maxLength: 5, unit: 'binary' }),
        fc.constantFrom('null', '[', '{}', '-1', '\n'),
      ),
    });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const changed = edits.reduce(
          (text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove),
          valid,
        );
        codes(changed);
      }),
      { numRuns: 5000 },
    );
  });

  it('is a ConfigError or a config, whatever the JSON', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (json) => void codes(`{"probes": ${json}, "sinks": ${json}}`)),
      {
        numRuns: 2000,
      },
    );
  });
});
