import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  type EventBatch,
  type SinkContractError,
  type SinkDefinition,
  sinkViolations,
  testSink,
} from '../../../plugins/sdk/index.js';

const folder = new URL('../../fixtures/sinks/', import.meta.url);
const load = (name: string): Promise<{ default: unknown; breaks: string }> =>
  import(fileURLToPath(new URL(name, folder)));
const { sound } = (await load('sound.js')) as unknown as {
  sound: (methods?: object, definition?: object) => SinkDefinition;
};
const digits = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
const QUICK = { timeout: 300, grace: 150 };

describe('testSink', () => {
  it('passes a sink that keeps the contract', async () => {
    expect(await sinkViolations(sound(), QUICK)).toEqual([]);
    await testSink(sound(), QUICK);
  });

  it.each(['ndjson', 'columns', 'rows'] as const)(
    'passes a sink that reads %s alone, concurrently',
    async (form) => {
      const write = async (batch: EventBatch) => {
        const bytes =
          form === 'rows' ? [...batch.rows()].join('').length : JSON.stringify(batch[form], digits).length;
        return bytes > 0 ? { status: 'ok' } : { status: 'drop' };
      };
      const definition = { accepts: { events: [form], metrics: false }, concurrency: 4 };
      expect(await sinkViolations(sound({ write }, definition), QUICK)).toEqual([]);
    },
  );

  it('passes a sink that takes nothing but metrics', async () => {
    const scraped = sound(
      { write: undefined, writeMetrics: undefined },
      { accepts: { events: false, metrics: true } },
    );
    expect(await sinkViolations(scraped, QUICK)).toEqual([]);
  });

  const broken = readdirSync(new URL('broken/', folder));
  it.each(broken)('catches %s', async (file) => {
    const { default: sink, breaks } = await load(`broken/${file}`);
    const found = await sinkViolations(sink, QUICK);
    expect(found.map(({ rule }) => rule)).toContain(breaks);
    // A sink that is broken in one way is not accused of another, unless it never gets far enough to be sound.
    const others = found.filter(
      ({ rule }) => rule !== breaks && !(rule === 'not-delivered' || rule === 'throw'),
    );
    expect(others).toEqual([]);
  });

  it('throws an error with every violation, named', async () => {
    const { default: sink } = await load('broken/throws.js');
    const error = (await testSink(sink, QUICK).catch((caught: unknown) => caught)) as SinkContractError;
    expect(error.name).toBe('SinkContractError');
    expect(error.violations.map(({ rule }) => rule)).toContain('throw');
    expect(error.message).toMatch(/the sink "sound" breaks its contract:\n {2}throw: .*connection refused/);
  });

  it('lets a sink without a destination answer retry', async () => {
    const { default: sink } = await load('broken/delivers-nothing.js');
    expect(await sinkViolations(sink, { ...QUICK, delivers: false })).toEqual([]);
  });

  it('tests the signal against a destination that really hangs, where it can be made to', async () => {
    let hanging = false;
    const never = new Promise(() => {});
    const deaf = sound({
      async write() {
        if (hanging) await never;
        return { status: 'ok' };
      },
    });
    expect(await sinkViolations(deaf, QUICK)).toEqual([]);
    const stall = () => {
      hanging = true;
      return () => {
        hanging = false;
      };
    };
    const rules = (await sinkViolations(deaf, { ...QUICK, stall })).map(({ rule }) => rule);
    expect(new Set(rules)).toEqual(new Set(['ignored-signal']));
    expect(hanging).toBe(false);
  });

  it('says what is no sink at all', async () => {
    for (const nothing of [undefined, null, 5, 'sink', {}, []]) {
      expect((await sinkViolations(nothing)).map(({ rule }) => rule)).toEqual(['definition']);
    }
  });
});
