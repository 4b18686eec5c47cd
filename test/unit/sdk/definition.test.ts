import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  checkSink,
  checkWriteResult,
  defineSink,
  resolveAccepts,
  resolveInterval,
  type SinkDefinition,
  SinkDefinitionError,
} from '../../../plugins/sdk/index.js';

const good: SinkDefinition<unknown> = {
  apiVersion: 1,
  type: 'mine',
  accepts: { events: ['ndjson'], metrics: false },
  options: z.strictObject({}) as never,
  open: () => ({ write: async () => ({ status: 'ok' }), close() {} }),
};

describe('defineSink', () => {
  it('gives back what it was given, without opening it', () => {
    const definition = { ...good, open: () => expect.unreachable() };
    expect(defineSink(definition)).toBe(definition);
  });

  it.each<[string, unknown, string, RegExp]>([
    ['nothing', undefined, 'definition', /a sink is defineSink\(.*not missing/],
    ['a class', class {}, 'definition', /not a function/],
    [
      'no version',
      { ...good, apiVersion: undefined },
      'apiVersion',
      /missing; this bee-agent knows version 1/,
    ],
    ['a later version', { ...good, apiVersion: 2, stages: [] }, 'apiVersion', /apiVersion is 2/],
    ['the version as text', { ...good, apiVersion: '1' }, 'apiVersion', /apiVersion is '1'/],
    ['no type', { ...good, type: ' ' }, 'type', /type is ' '/],
    [
      'a misspelt key',
      { ...good, concurency: 2 },
      'definition',
      /unknown key 'concurency'; there is .*concurrency/,
    ],
    ['no accepts', { ...good, accepts: undefined }, 'accepts', /accepts is missing/],
    [
      'one form, no list',
      { ...good, accepts: { events: 'ndjson', metrics: false } },
      'accepts',
      /'ndjson'; expected a list/,
    ],
    [
      'an unknown form',
      { ...good, accepts: { events: ['lines'], metrics: false } },
      'accepts',
      /'lines'; there is 'ndjson', 'columns', 'rows'/,
    ],
    ['metrics left out', { ...good, accepts: { events: ['rows'] } }, 'accepts', /accepts.metrics is missing/],
    [
      'unknown numbers',
      { ...good, accepts: { events: ['rows'], metrics: false, numbers: 'double' } },
      'accepts',
      /'bigint' or 'safe'/,
    ],
    [
      'accepts of nothing',
      { ...good, accepts: { events: [], metrics: false } },
      'accepts',
      /nothing would ever reach/,
    ],
    [
      'a key in accepts',
      { ...good, accepts: { events: ['rows'], metrics: false, logs: true } },
      'accepts',
      /unknown key 'logs'/,
    ],
    [
      'no options',
      { ...good, options: undefined },
      'options',
      /options is missing; expected a Standard Schema/,
    ],
    ['plain options', { ...good, options: { url: 'string' } }, 'options', /Standard Schema/],
    ['half a schema', { ...good, options: { '~standard': { version: 1 } } }, 'options', /validate missing/],
    ['no concurrency', { ...good, concurrency: 0 }, 'concurrency', /concurrency is 0/],
    ['endless concurrency', { ...good, concurrency: Number.POSITIVE_INFINITY }, 'concurrency', /Infinity/],
    ['no interval', { ...good, interval: Number.NaN }, 'interval', /interval is NaN/],
    ['no open', { ...good, open: undefined }, 'open', /open is missing/],
  ])('refuses %s', (_name, definition, part, message) => {
    const attempt = () => defineSink(definition as never);
    expect(attempt).toThrow(SinkDefinitionError);
    expect(attempt).toThrow(expect.objectContaining({ part, message: expect.stringMatching(message) }));
  });

  it('takes any Standard Schema, functions too', () => {
    const callable = Object.assign(() => {}, { '~standard': good.options['~standard'] });
    expect(defineSink({ ...good, options: callable as never })).toBeDefined();
  });

  it('checks what functions of the options say', () => {
    const accepts = (options: unknown) => options as never;
    expect(resolveAccepts({ ...good, accepts }, { events: ['rows'], metrics: true })).toEqual({
      events: ['rows'],
      metrics: true,
    });
    expect(() => resolveAccepts({ ...good, accepts }, { events: ['x'], metrics: true })).toThrow(
      SinkDefinitionError,
    );
    expect(resolveInterval({ ...good, interval: () => 5 }, {})).toBe(5);
    expect(() => resolveInterval({ ...good, interval: () => '5' as never }, {})).toThrow(/seconds between/);
  });
});

describe('checkSink', () => {
  const accepts = { events: ['ndjson'], metrics: true } as const;
  const sink = { write() {}, writeMetrics() {}, close() {} };

  it.each<[string, unknown, RegExp]>([
    ['no sink', undefined, /open\(\) gave missing/],
    [
      'no write',
      { ...sink, write: undefined },
      /declares 'ndjson', but open\(\) gave a sink without write\(\)/,
    ],
    ['no way for metrics', { ...sink, writeMetrics: undefined }, /neither writeMetrics\(\) nor fetch\(\)/],
    ['no close', { ...sink, close: undefined }, /without close\(\)/],
    ['a flush that is no function', { ...sink, flush: true }, /flush is true/],
    ['a reopen that is no function', { ...sink, reopen: 1 }, /reopen is 1/],
  ])('refuses %s', (_name, value, message) => {
    expect(() => checkSink(value, accepts)).toThrow(message);
  });

  it('takes a sink that is a class', () => {
    class Mine {
      write() {}
      writeMetrics() {}
      close() {}
    }
    expect(checkSink(new Mine(), accepts)).toBeInstanceOf(Mine);
  });
});

describe('checkWriteResult', () => {
  it.each([
    [{ status: 'ok' }],
    [{ status: 'ok', rejected: 0 }],
    [{ status: 'retry', after: 5, error: 'x' }],
    [{ status: 'retry', after: Number.POSITIVE_INFINITY }],
    [{ status: 'drop' }],
    [{ status: 'closed', error: 'gone' }],
  ])('takes %j', (result) => {
    expect(checkWriteResult(result, 'write')).toEqual(result);
  });

  it.each([
    [undefined],
    [null],
    [true],
    ['ok'],
    [{}],
    [{ status: 'OK' }],
    [{ status: 'ok', rejected: -1 }],
    [{ status: 'ok', rejected: Number.NaN }],
    [{ status: 'ok', rejected: 0.5 }],
    [{ status: 'ok', rejected: '1' }],
    [{ status: 'retry', after: Number.NaN }],
    [{ status: 'retry', after: '5s' }],
    [5n],
    [() => {}],
  ])('refuses %s', (result) => {
    expect(() => checkWriteResult(result, 'write')).toThrow(/^write\(\) answered .*expected \{ status:/s);
  });

  it('makes text of errors, and leaves the rest out', () => {
    const odd = { status: 'drop', error: new Error('x'), more: 1 };
    expect(checkWriteResult(odd, 'write')).toEqual({ status: 'drop', error: 'x' });
  });
});
