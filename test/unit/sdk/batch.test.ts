import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Column,
  EventBatch,
  type EventForm,
  FormNotDeclaredError,
  formatTimestamp,
  type NumberColumn,
  type RawColumn,
  type Row,
} from '../../../plugins/sdk/index.js';

const TIME = 1767323045678901234n;

function numbers(path: string[], values: NumberColumn['values'], more: Partial<NumberColumn> = {}): Column {
  return { kind: 'number', path, dims: [], values, ...more };
}

function text(path: string[], values: string[], more: object = {}): Column {
  const encoded = values.map((value) => Buffer.from(value));
  const offsets = new Uint32Array(values.length + 1);
  encoded.forEach((value, index) => {
    offsets[index + 1] = offsets[index]! + value.length;
  });
  return { kind: 'text', path, dims: [], offsets, bytes: Buffer.concat(encoded), ...more };
}

function batch(
  rows: number,
  columns: Column[],
  { labels = {}, safe = false }: { labels?: Record<string, string>; safe?: boolean } = {},
): EventBatch {
  const timestamps = BigInt64Array.from({ length: rows }, (_, index) => TIME + BigInt(index));
  const data = {
    probe: 'seq',
    map: 'print_seq',
    labels,
    count: rows,
    columns: { rows, timestamps, columns },
  };
  return new EventBatch(data, { forms: ['rows'], numbers: safe ? 'safe' : 'bigint' });
}

function only(batch: EventBatch): Row {
  const rows = [...batch.rows()];
  expect(rows).toHaveLength(1);
  return rows[0]!;
}

const exactOnNode20 = (JSON as { rawJSON?: unknown }).rawJSON === undefined;

describe('forms', () => {
  const ndjson = Buffer.from('{}\n');
  const data = {
    probe: 'p',
    map: 'm',
    labels: {},
    count: 1,
    ndjson,
    lineEnds: new Uint32Array([3]),
    columns: { rows: 1, timestamps: new BigInt64Array(1), columns: [] },
  };
  const read: Record<EventForm, (batch: EventBatch) => unknown> = {
    ndjson: (batch) => [batch.ndjson, batch.lineEnds],
    columns: (batch) => batch.columns,
    rows: (batch) => [...batch.rows()],
  };

  it.each(['ndjson', 'columns', 'rows'] as const)(
    'gives %s to a sink that declared it, and nothing else',
    (form) => {
      const view = { forms: [form], numbers: 'bigint', sink: 'mine' } as const;
      for (const other of ['ndjson', 'columns', 'rows'] as const) {
        const attempt = () => read[other](new EventBatch(data, view));
        if (other === form) expect(attempt).not.toThrow();
        else expect(attempt).toThrow(new RegExp(`sink "mine" read the form "${other}".*declares "${form}"`));
      }
    },
  );

  it('guards the line ends as part of ndjson', () => {
    expect(() => new EventBatch(data, { forms: ['rows'], numbers: 'bigint' }).lineEnds).toThrow(
      FormNotDeclaredError,
    );
  });

  it('says that the host is at fault when a declared form is not there', () => {
    const empty = new EventBatch(
      { probe: 'p', map: 'm', labels: {}, count: 0 },
      { forms: ['rows'], numbers: 'bigint' },
    );
    expect(() => empty.rows()).toThrow(expect.objectContaining({ code: 'not_made', form: 'rows' }));
  });
});

describe('rows', () => {
  it('reads every kind of field', () => {
    const row = only(
      batch(1, [
        numbers(['i8'], Int8Array.of(-1)),
        numbers(['u64'], BigUint64Array.of(2n ** 64n - 1n)),
        numbers(['f'], Float64Array.of(1.5)),
        numbers(['ok'], Uint8Array.of(1), { format: 'bool' }),
        numbers(['state'], Uint32Array.of(1), { format: 'enum', names: { 1: 'RUNNING' } }),
        numbers(['odd'], Int32Array.of(-7), { format: 'enum', names: { 1: 'RUNNING' } }),
        numbers(['ptr'], BigUint64Array.of(0xffff888100000000n), { format: 'pointer' }),
        numbers(['took'], BigUint64Array.of(1_500_000n), { format: 'duration' }),
        text(['comm'], ['sh']),
        text(['wide'], ['340282366920938463463374607431768211455'], { format: 'int' }),
      ]),
    );
    expect(row.data).toEqual({
      i8: -1,
      u64: 2n ** 64n - 1n,
      f: 1.5,
      ok: true,
      state: 'RUNNING',
      odd: -7,
      ptr: '0xffff888100000000',
      took: 1_500_000n,
      comm: 'sh',
      wide: 2n ** 128n - 1n,
    });
    expect(row).toMatchObject({ timestamp: TIME, probe: 'seq', map: 'print_seq', labels: {} });
  });

  it('rebuilds nested structs, arrays of structs and arrays of arrays', () => {
    // struct { struct { u16 port; } addr; struct { u8 id; u8 m[2]; } list[2]; u32 grid[2][3]; struct {} none[0]; }
    const columns: Column[] = [
      numbers(['addr', 'port'], Uint16Array.of(80, 443)),
      numbers(['list', '[]', 'id'], Uint8Array.of(1, 2, 3, 4), { dims: [2] }),
      numbers(['list', '[]', 'm', '[]'], Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), { dims: [2, 2] }),
      numbers(
        ['grid', '[]', '[]'],
        Uint32Array.from({ length: 12 }, (_, index) => index),
        { dims: [2, 3] },
      ),
      numbers(['none', '[]', 'x'], new Uint8Array(0), { dims: [0] }),
    ];
    const [first, second] = [...batch(2, columns).rows()];
    expect(first?.data).toEqual({
      addr: { port: 80 },
      list: [
        { id: 1, m: [1, 2] },
        { id: 2, m: [3, 4] },
      ],
      grid: [
        [0, 1, 2],
        [3, 4, 5],
      ],
      none: [],
    });
    expect(second?.data).toEqual({
      addr: { port: 443 },
      list: [
        { id: 3, m: [5, 6] },
        { id: 4, m: [7, 8] },
      ],
      grid: [
        [6, 7, 8],
        [9, 10, 11],
      ],
      none: [],
    });
  });

  it('gives entries of maps as key and value, scalar or struct', () => {
    const scalar = batch(1, [numbers(['key'], Uint32Array.of(7)), numbers(['value'], BigUint64Array.of(9n))]);
    expect(only(scalar).data).toEqual({ key: 7, value: 9n });
    const struct = batch(1, [text(['key', 'comm'], ['sh']), numbers(['value'], BigUint64Array.of(9n))]);
    expect(only(struct).data).toEqual({ key: { comm: 'sh' }, value: 9n });
  });

  it('gives numbers for 64-bit fields with numbers: safe, in arrays too', () => {
    const columns: Column[] = [
      numbers(['u64'], BigUint64Array.of(2n ** 64n - 1n)),
      numbers(['list', '[]'], BigInt64Array.of(-1n, 2n), { dims: [2] }),
      numbers(['state'], BigInt64Array.of(5n), { format: 'enum', names: {} }),
      text(['wide'], ['12'], { format: 'int' }),
    ];
    expect(only(batch(1, columns, { safe: true })).data).toEqual({
      u64: 2 ** 64,
      list: [-1, 2],
      state: 5,
      wide: 12,
    });
  });

  it('cuts text at its own bytes, ASCII or not, short or long', () => {
    const values = [
      '',
      'a',
      'exactly-12-b',
      'a longer text than twelve',
      'ß',
      '日本語',
      '\ufffd',
      '"\\\n\u0000',
    ];
    const rows = (list: string[]) =>
      [...batch(list.length, [text(['t'], list)]).rows()].map((row) => row.data.t);
    expect(rows(values)).toEqual(values);
    const ascii = values.slice(0, 4);
    expect(rows(ascii)).toEqual(ascii);
  });

  it('reads texts of any length and language, many together or each for itself', () => {
    const values = Array.from({ length: 6_000 }, (_, i) => {
      if (i % 1_000 === 999) return 'x'.repeat(40_000);
      if (i % 1_000 === 500) return '';
      return i > 2_500 && i < 2_600 ? `grün ${i}` : `name ${i}${i % 7 === 0 ? ' with many letters' : ''}`;
    });
    const rows = [...batch(values.length, [text(['t'], values), text(['u'], values)]).rows()];
    expect(rows.map(({ data }) => data.t)).toEqual(values);
    expect(rows.map(({ data }) => data.u)).toEqual(values);
  });

  it('reads columns that lie at an offset in a larger buffer', () => {
    const column = text(['t'], ['xyz', 'longer than twelve bytes']) as Extract<Column, { kind: 'text' }>;
    const buffer = new Uint8Array(100);
    buffer.set(column.bytes, 50);
    const moved = { ...column, bytes: buffer.subarray(50, 50 + column.bytes.length) };
    expect([...batch(2, [moved]).rows()].map((row) => row.data.t)).toEqual([
      'xyz',
      'longer than twelve bytes',
    ]);
  });

  it('takes hostile field names as names', () => {
    const names = [
      '__proto__',
      'constructor',
      'toString',
      '"];process.exit(1);//',
      '`backtick`',
      '\u2028',
      '\ud800',
      'a b',
    ];
    const columns = names.map((name, index) => numbers([name, 'x'], Uint8Array.of(index)));
    const { data } = only(batch(1, columns));
    expect(Object.keys(data)).toEqual(names);
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
    names.forEach((name, index) => {
      expect(Object.getOwnPropertyDescriptor(data, name)?.value).toEqual({ x: index });
    });
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  it('walks again from the start, with rows of their own', () => {
    const events = batch(2, [numbers(['n'], Uint8Array.of(1, 2))]).rows();
    const [once] = [...events];
    const [twice] = [...events];
    expect(twice).toEqual(once);
    expect(twice).not.toBe(once);
  });

  it('refuses columns that contradict each other', () => {
    const both = [numbers(['a'], Uint8Array.of(1)), numbers(['a', 'b'], Uint8Array.of(1))];
    expect(() => [...batch(1, both).rows()]).toThrow(/column \["a","b"\]/);
    const lengths = [
      numbers(['a', '[]', 'x'], Uint8Array.of(1), { dims: [1] }),
      numbers(['a', '[]', 'y'], Uint8Array.of(1, 2), { dims: [2] }),
    ];
    expect(() => [...batch(1, lengths).rows()]).toThrow(/column \["a","\[\]","y"\]/);
  });
});

describe('raw columns', () => {
  const TEXTS = ['', 'sh', 'nginx', 'exactly-sixteen!', 'é', '\u00ff\u00fe', 'kworker/1:2', '\ufeffmark'];
  const raw = (column: RawColumn, rows: number) =>
    new EventBatch(
      {
        ...{ probe: 'p', map: 'm', labels: {}, count: rows },
        columns: { rows, timestamps: new BigInt64Array(rows), columns: [column] },
      },
      { forms: ['rows', 'columns'], numbers: 'bigint', sink: 'mine' },
    );
  const read = (column: RawColumn, rows: number) => [...raw(column, rows).rows()].map((row) => row.data.x);
  const addresses = (values: Uint32Array): RawColumn => ({
    ...{ kind: 'raw', format: 'ipv4', path: ['x'], dims: [], width: 1, values },
  });

  it('are addresses, each its own, however many there are', () => {
    // More than are remembered, in an order that meets each again while others have taken its place.
    const values = Uint32Array.from({ length: 50_000 }, (_, i) => Math.imul((i * 7) % 20_000, 0x01010101));
    const expected = Array.from(values, (value) => new Uint8Array(Uint32Array.of(value).buffer).join('.'));
    expect(read(addresses(values), values.length)).toEqual(expected);
    expect(read(addresses(Uint32Array.of(0, 0xffffffff, 0x0100007f, 0)), 4)).toEqual([
      ...['0.0.0.0', '255.255.255.255', '127.0.0.1', '0.0.0.0'],
    ]);
  });

  it.each([1, 2, 3, 4] as const)('are texts of %d words, up to their NUL, as UTF-8', (width) => {
    const some = fc.constantFrom(...TEXTS).map((text) => Buffer.from(text));
    const bytes = fc.oneof(some, fc.uint8Array({ maxLength: 16 }));
    fc.assert(
      fc.property(fc.array(bytes, { minLength: 1, maxLength: 50 }), fc.nat(255), (all, garbage) => {
        const memory = new Uint8Array(all.length * width * 4);
        const expected = all.map((value, i) => {
          const place = memory.subarray(i * width * 4, (i + 1) * width * 4).fill(garbage);
          place.set(value.subarray(0, place.length));
          if (value.length < place.length) place[value.length] = 0;
          const end = place.indexOf(0);
          return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
            end < 0 ? place : place.subarray(0, end),
          );
        });
        const values = new Uint32Array(memory.buffer);
        const column: RawColumn = {
          ...{ kind: 'raw', format: 'text', path: ['x'], dims: [] },
          width,
          values,
        };
        expect(read(column, all.length)).toEqual(expected);
      }),
    );
  });

  it('are texts, each its own, however many there are', () => {
    const expected = Array.from({ length: 12_000 }, (_, i) => `${(i * 7) % 5_000}`.padStart(8, '0'));
    const values = new Uint32Array(new TextEncoder().encode(expected.join('')).buffer);
    const column: RawColumn = { kind: 'raw', format: 'text', path: ['x'], dims: [], width: 2, values };
    expect(read(column, expected.length)).toEqual(expected);
  });

  it('are rendered for a sink that reads columns as well, once', () => {
    const both: RawColumn[] = [
      addresses(Uint32Array.of(0x0100007f, 0)),
      {
        ...{ kind: 'raw', format: 'text', path: ['y', '[]'], dims: [2], width: 1 },
        values: new Uint32Array(
          new Uint8Array(Buffer.from('ab\0cdefg\0\0\0\0\u00e9.\xff', 'utf8')).buffer.slice(0, 16),
        ),
      },
    ];
    const set = {
      rows: 2,
      timestamps: new BigInt64Array(2),
      columns: [...both, numbers(['n'], Uint8Array.of(1, 2))],
    };
    const data = { probe: 'p', map: 'm', labels: {}, count: 2 };
    const view = { forms: ['rows', 'columns'], numbers: 'bigint' } as const;
    const batch = new EventBatch({ ...data, columns: set }, view);
    expect(batch.columns).toBe(batch.columns);
    expect(batch.columns.columns.map(({ kind, path }) => [kind, path[0]])).toEqual([
      ...[
        ['text', 'x'],
        ['text', 'y'],
        ['number', 'n'],
      ],
    ]);
    const again = new EventBatch({ ...data, columns: batch.columns }, view);
    expect([...again.rows()].map((row) => row.data)).toEqual([...batch.rows()].map((row) => row.data));
    expect(again.columns).toBe(batch.columns);
  });
});

describe('a row as text', () => {
  const line = (data: string, labels = '') =>
    `{"timestamp":"2026-01-02T03:04:05.678901234Z","probe":"seq","map":"print_seq",${labels}"data":${data}}`;

  it('is the NDJSON line, with labels where there are any', () => {
    const columns = [
      numbers(['a', 'n'], Int32Array.of(-1)),
      text(['a', 's'], ['q"\n\ufffd']),
      numbers(['b', '[]'], BigUint64Array.of(1n, 2n), { dims: [2] }),
    ];
    const data = '{"a":{"n":-1,"s":"q\\"\\n\ufffd"},"b":[1,2]}';
    expect(String(only(batch(1, columns)))).toBe(line(data));
    expect(JSON.stringify(only(batch(1, columns)))).toBe(line(data));
    const labelled = only(batch(1, columns, { labels: { node: 'n1' } }));
    expect(String(labelled)).toBe(line(data, '"labels":{"node":"n1"},'));
    expect(JSON.stringify(labelled)).toBe(String(labelled));
  });

  it('keeps the digits of any integer in toString', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const row = only(batch(1, [numbers(['v'], BigInt64Array.of(value))]));
        expect(String(row)).toBe(line(`{"v":${value}}`));
      }),
    );
  });

  it('keeps the digits in JSON.stringify: as a number where it is exact, on Node 20 as a string beyond', () => {
    const at = (value: bigint) => JSON.stringify(only(batch(1, [numbers(['v'], BigInt64Array.of(value))])));
    expect(at(2n ** 53n - 1n)).toBe(line('{"v":9007199254740991}'));
    const beyond = exactOnNode20 ? '"9223372036854775807"' : '9223372036854775807';
    expect(at(2n ** 63n - 1n)).toBe(line(`{"v":${beyond}}`));
  });

  it('keeps a field named __proto__', () => {
    const row = only(batch(1, [numbers(['__proto__'], Uint8Array.of(1))]));
    expect(JSON.stringify(row)).toBe(line('{"__proto__":1}'));
    expect(String(row)).toBe(line('{"__proto__":1}'));
  });
});

describe('formatTimestamp', () => {
  it.each([
    [0n, '1970-01-01T00:00:00.000000000Z'],
    [1n, '1970-01-01T00:00:00.000000001Z'],
    [-1n, '1969-12-31T23:59:59.999999999Z'],
    [TIME, '2026-01-02T03:04:05.678901234Z'],
    [2n ** 63n - 1n, '2262-04-11T23:47:16.854775807Z'],
    [-(2n ** 63n), '1677-09-21T00:12:43.145224192Z'],
  ])('renders %d ns', (ns, text) => {
    expect(formatTimestamp(ns)).toBe(text);
  });
});
