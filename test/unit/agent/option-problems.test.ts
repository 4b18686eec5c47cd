import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { optionProblems } from '../../../core/agent/option-problems.js';

const schema = z.strictObject({
  url: z.url(),
  topic: z.string('expected a topic such as probes'),
  name: z.string().min(2),
  mode: z.enum(['fast', 'safe']),
  kind: z.literal('one'),
  on: z.boolean(),
  count: z.int().min(1).max(9),
  ratio: z.number().gt(0),
  list: z.array(z.string()).min(1),
  map: z.record(z.string(), z.string()),
  nested: z.strictObject({ port: z.number() }),
});

/** What is said of these options, by the place that it is said of. */
async function said(options: Record<string, unknown>): Promise<Record<string, string>> {
  const result = await schema['~standard'].validate(options);
  const problems = optionProblems({ name: 'mine', type: './sink.js', options }, result.issues ?? []);
  return Object.fromEntries(
    problems.map(({ path, message }) => {
      expect(path.slice(0, 2)).toEqual(['sinks', 'mine']);
      const keys = path.slice(2).join('.');
      const lead = `sink "mine" (./sink.js), ${keys}: `;
      expect(message.startsWith(lead)).toBe(true);
      return [keys, message.slice(lead.length)];
    }),
  );
}

describe("what is wrong with a sink's options", () => {
  it('is said of each option that is missing', async () => {
    expect(await said({})).toEqual({
      url: 'found nothing, expected text',
      topic: 'found nothing, expected a topic such as probes',
      name: 'found nothing, expected text',
      mode: 'found nothing, expected one of fast, safe',
      kind: 'found nothing, expected one',
      on: 'found nothing, expected true or false',
      count: 'found nothing, expected a number',
      ratio: 'found nothing, expected a number',
      list: 'found nothing, expected a list',
      map: 'found nothing, expected a mapping (key: value)',
      nested: 'found nothing, expected a mapping (key: value)',
    });
  });

  it('is said of each that cannot be, and of each that is unknown, without showing a value', async () => {
    expect(
      await said({
        url: 'secret',
        topic: 5,
        name: 's',
        mode: 'secret',
        kind: 'secret',
        on: 'secret',
        count: 1.5,
        ratio: 0,
        list: [],
        map: 'secret',
        nested: { port: 'secret', 'a "b", c': 1, d: 2 },
        other: 1,
      }),
    ).toEqual({
      url: 'Invalid URL',
      topic: 'expected a topic such as probes',
      name: 'expected at least 2 characters',
      mode: 'expected one of fast, safe',
      kind: 'expected one',
      on: 'expected true or false',
      count: 'expected a whole number',
      ratio: 'expected a number of more than 0',
      list: 'expected at least 1 items',
      map: 'expected a mapping (key: value)',
      'nested.port': 'expected a number',
      'nested.a "b", c': 'unknown key',
      'nested.d': 'unknown key',
      other: 'unknown key',
    });
  });

  it('says what an unknown key may have meant: an option, a key of the host, or which there are', async () => {
    const options = { fromat: 1, ueue: 1, zzz: 1, nested: { prot: 1 } };
    const result = await z
      .strictObject({ format: z.int().optional(), nested: z.strictObject({ port: z.int().optional() }) })
      ['~standard'].validate(options);
    const problems = optionProblems({ name: 'e', type: 'stdout', options }, result.issues ?? [], (path) =>
      path.length === 0 ? ['format', 'nested'] : ['port'],
    );
    expect(problems.map(({ message }) => message).sort()).toEqual([
      'sink "e" (stdout), fromat: unknown key. Did you mean "format"?',
      'sink "e" (stdout), nested.prot: unknown key. Did you mean "port"?',
      'sink "e" (stdout), ueue: unknown key. Did you mean "queue"?',
      'sink "e" (stdout), zzz: unknown key. Known here: format, nested',
    ]);
  });
});
