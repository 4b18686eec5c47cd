import { describe, expect, it } from 'vitest';
import { parseExact, stringifyExact } from '../../../core/cli/run/exact-json.js';
import { linesSink } from '../../../core/cli/run/lines-sink.js';
import { shownFilters } from '../../../core/cli/run/map-flags.js';

const MAX = '18446744073709551615';

describe('exact JSON', () => {
  it.each([
    `{"a":${MAX},"b":-9223372036854775808,"c":[1,2.5,9007199254740993]}`,
    `{"text":"${MAX}","quoted":"\\"${MAX}","escaped":"\\\\","n":12345678901234567}`,
    '{"float":1234567890123456.5,"huge":340282366920938463463374607431768211455}',
    '{"small":1,"none":null,"yes":true}',
  ])('keeps every digit of %s', (text) => {
    expect(stringifyExact(parseExact(text))).toBe(text);
  });

  it('has numbers where a number holds it', () => {
    expect(parseExact('{"safe":9007199254740991,"not":9007199254740992}')).toEqual({
      safe: 9007199254740991,
      not: 9007199254740992n,
    });
  });
});

describe('--filter in a pipe', () => {
  const shown = async (filter: string, ...data: string[]): Promise<string[]> => {
    const lines: string[] = [];
    const sink = await linesSink(await shownFilters([filter]), async (text) => {
      lines.push(
        ...Buffer.from(text as Uint8Array)
          .toString()
          .split('\n')
          .filter(Boolean),
      );
      return true;
    }).open(undefined, { log: { warn: () => expect.fail() } } as never);
    const ndjson = Buffer.from(data.map((one) => `{"map":"print_ids","data":${one}}\n`).join(''));
    await sink.write?.({ map: 'print_ids', ndjson } as never, {} as never);
    return lines.map((line) => line.slice(line.indexOf('"data":') + 7, -1));
  };
  const near = ['{"id":9007199254740992}', '{"id":9007199254740993}', '{"id":9007199254740994}'];

  it('tells integers apart that a double cannot', async () => {
    expect(await shown('print_ids,id,^9007199254740993$', ...near)).toEqual([near[1]]);
    expect(await shown(`print_ids,id,^${MAX}$`, `{"id":${MAX}}`, '{"id":18446744073709551614}')).toEqual([
      `{"id":${MAX}}`,
    ]);
  });

  it('sees them within structs and arrays, too', async () => {
    const nested = ['{"at":{"id":[9007199254740993]}}', '{"at":{"id":[9007199254740992]}}'];
    expect(await shown('print_ids,at,993\\]', ...nested)).toEqual([nested[0]]);
    expect(await shown('print_ids,at.id,993\\]', ...nested)).toEqual([nested[0]]);
  });
});
