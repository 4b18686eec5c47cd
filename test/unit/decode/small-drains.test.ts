import { describe, expect, it } from 'vitest';
import type { LayoutNode } from '../../../core/bpf/index.js';
import { OpenRing } from '../../../core/decode/open-ring.js';
import type { DecodePlan } from '../../../core/decode/plan.js';
import { Allowance, SmallDrains } from '../../../core/decode/small-drains.js';

function clock() {
  let now = 1000;
  const pass = (ms: number): void => {
    now += ms;
  };
  return { now: () => now, pass };
}

describe('the allowance of small drains', () => {
  it('is a millisecond at once, and comes back as a quarter of the time that passes', () => {
    const time = clock();
    const allowance = new Allowance(time.now);
    const drain = (ms: number): void => {
      time.pass(ms);
      allowance.spend(ms);
    };
    let drains = 0;
    for (; !allowance.isSpent; drains++) drain(0.1);
    // What passes meanwhile gives some back.
    expect(drains).toBeGreaterThanOrEqual(10);
    expect(drains).toBeLessThanOrEqual(14);
    time.pass(0.3);
    expect(allowance.isSpent).toBe(false);
    drain(0.1);
    expect(allowance.isSpent).toBe(true);
  });

  it('is not saved up', () => {
    const time = clock();
    const allowance = new Allowance(time.now);
    time.pass(60_000);
    expect(allowance.isSpent).toBe(false);
    allowance.spend(1);
    expect(allowance.isSpent).toBe(true);
  });

  it('is paid back by whoever took too long', () => {
    const time = clock();
    const allowance = new Allowance(time.now);
    expect(allowance.isSpent).toBe(false);
    allowance.spend(11);
    time.pass(39);
    expect(allowance.isSpent).toBe(true);
    time.pass(2);
    expect(allowance.isSpent).toBe(false);
  });
});

describe('what is no small drain', () => {
  const int = { kind: 'int', size: 4, signed: false } as const;
  const plan = (size: number, group: boolean, root: LayoutNode = int): DecodePlan =>
    ({
      probe: 'p',
      map: 'm',
      source: 'ring',
      labels: {},
      ndjson: !group,
      columns: 'none',
      record: { size, typeName: 'r', root },
      ...(group ? { group: { kind: 'counter', labels: [], values: [], maxSeries: 10 } } : {}),
    }) as unknown as DecodePlan;
  // No descriptor: to map it fails, which shows that it was tried.
  const tried = (small: SmallDrains, bytes: number): boolean => {
    const { failures } = small;
    const task = () => ({
      from: 0,
      maxRecords: 1,
      maxBytes: 1,
      clock: { ktime: 0n, boottime: 0n },
      follow: false,
    });
    expect(small.drain(bytes, task)).toBeUndefined();
    return small.failures > failures;
  };

  it('is left to the worker: many bytes, large records, folded ones', () => {
    for (const [small, bytes] of [
      [new SmallDrains(-1, plan(4, false), 0, new Allowance()), 3 << 10],
      [new SmallDrains(-1, plan(2 << 10, false), 0, new Allowance()), 100],
      [new SmallDrains(-1, plan(4, true), 0, new Allowance()), 100],
    ] as const)
      expect(tried(small, bytes)).toBe(false);
  });

  it('is left to the worker: records of many values, each of which is code to compile', () => {
    const array = (element: LayoutNode, length: number): LayoutNode => ({
      kind: 'array',
      length,
      stride: 4,
      element,
    });
    const nested = (length: number): LayoutNode => ({
      kind: 'struct',
      size: 1 << 10,
      members: [
        { name: 'a', offset: 0, node: int },
        { name: 'b', offset: 4, node: array(array(int, 7), length) },
      ],
    });
    for (const [root, isTried] of [
      [nested(9), true],
      [nested(10), false],
      [array(int, 256), false],
    ] as const)
      expect(tried(new SmallDrains(-1, plan(1 << 10, false, root), 0, new Allowance()), 100)).toBe(isTried);
  });

  it('compiles nothing for a ring that cannot be mapped', () => {
    const unread = new Proxy({} as DecodePlan, {
      get: () => {
        throw new Error('the plan was looked at');
      },
    });
    expect(() => new OpenRing(-1, unread, 0)).toThrow('fd must be');
  });

  it('is left to the worker for a second after a failure', () => {
    const time = clock();
    const small = new SmallDrains(-1, plan(4, false), 0, new Allowance(time.now));
    tried(small, 100);
    expect(small.failures).toBe(1);
    time.pass(900);
    tried(small, 100);
    expect(small.failures).toBe(1);
    time.pass(200);
    tried(small, 100);
    expect(small.failures).toBe(2);
  });
});
