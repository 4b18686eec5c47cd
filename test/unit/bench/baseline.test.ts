import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faults, judge, raised, readBaseline, writeBaseline } from '../../bench/baseline.js';

describe('the guard', () => {
  const baseline = { cost: 0.8, start: 1 };

  it('passes a ratio down to the allowed share of its baseline', () => {
    expect(judge('cost', 0.57, baseline, 0.7)).toMatchObject({ fine: true, baseline: 0.8 });
    expect(judge('cost', 0.55, baseline, 0.7)).toMatchObject({ fine: false });
    expect(judge('cost', 0.4, baseline, 0.7).fine).toBe(false);
  });

  it('says how to set a baseline that is not there', () => {
    expect(() => judge('new', 1, baseline, 0.7)).toThrow(/no new.*--write/);
  });

  it('is proven only when every case passes the build and catches the slow one', () => {
    const verdict = (name: string, ratio: number) => judge(name, ratio, baseline, 0.7);
    const [build, slowed] = [
      [verdict('cost', 0.8), verdict('start', 1)],
      [verdict('cost', 0.4), verdict('start', 0.5)],
    ];
    expect(faults(build, slowed)).toEqual([]);
    expect(faults(build, [verdict('cost', 0.4), verdict('start', 0.9)])).toEqual([
      'start slowed to half is not caught: start guards nothing',
    ]);
    expect(faults([verdict('cost', 0.3), verdict('start', 1)], slowed)).toEqual([
      'cost is slower than its baseline allows',
    ]);
  });

  it('asks of a slow build half of what this one does, where that is better than its baseline', () => {
    const [better, worse] = [judge('cost', 1, baseline, 0.7), judge('start', 0.9, baseline, 0.7)];
    expect(raised(baseline, [better, worse])).toEqual({ cost: 1, start: 1 });
  });

  it('keeps what a run did not measure', () => {
    const folder = mkdtempSync(join(tmpdir(), 'bee-baseline-'));
    const file = join(folder, 'baseline.json');
    writeBaseline(file, [
      { name: 'a', ratio: 1.23456 },
      { name: 'b', ratio: 2 },
    ]);
    writeBaseline(file, [{ name: 'b', ratio: 3 }]);
    expect(readBaseline(file)).toEqual({ a: 1.23, b: 3 });
    expect(readFileSync(file, 'utf8').endsWith('}\n')).toBe(true);
    rmSync(folder, { recursive: true });
  });
});
