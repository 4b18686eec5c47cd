import { describe, expect, it } from 'vitest';
import { BatchParts, type PartResult } from '../../../plugins/sdk/index.js';

const split: PartResult = { status: 'split', error: 'no' };

describe('BatchParts', () => {
  it('sends a batch whole, and once, where it is taken', async () => {
    const sent: number[][] = [];
    const result = await new BatchParts().write({}, 10, async (from, to) => {
      sent.push([from, to]);
      return { status: 'ok' };
    });
    expect(result).toEqual({ status: 'ok' });
    expect(sent).toEqual([[0, 10]]);
  });

  it('covers every event once with what was taken or given up, within its requests', async () => {
    for (const [count, isBad] of [
      [1, () => true],
      [1000, (i: number) => i === 999],
      [1000, (i: number) => i % 2 === 0],
      [10_000, (i: number) => i > 9000 && i < 9010],
    ] as const) {
      const taken = new Set<number>();
      let requests = 0;
      const result = await new BatchParts().write({}, count, async (from, to) => {
        requests++;
        const range = Array.from({ length: to - from }, (_, i) => from + i);
        if (range.some(isBad)) return split;
        for (const i of range) {
          expect(taken.has(i)).toBe(false);
          taken.add(i);
        }
        return { status: 'ok' };
      });
      expect(requests).toBeLessThanOrEqual(257);
      const rejected = count - taken.size;
      expect(result).toEqual(
        taken.size > 0 ? { status: 'ok', rejected, error: 'no' } : { status: 'drop', error: 'no' },
      );
    }
  });

  it('goes on with a batch where its last attempt ended, and knows no other by it', async () => {
    const parts = new BatchParts();
    const batch = {};
    const sent: string[] = [];
    let busy = true;
    const send = async (from: number, to: number): Promise<PartResult> => {
      sent.push(`${from}-${to}`);
      if (to - from > 2) return split;
      if (from === 2 && busy) throw new Error('reset');
      return from === 4 ? { status: 'ok', rejected: 9, error: 'old' } : { status: 'ok' };
    };
    await expect(parts.write(batch, 8, send)).rejects.toThrow('reset');
    busy = false;
    expect(await parts.write({}, 2, send)).toEqual({ status: 'ok' });
    // No more than there were in the part.
    expect(await parts.write(batch, 8, send)).toEqual({ status: 'ok', rejected: 2, error: 'old' });
    expect(sent).toEqual(['0-8', '0-4', '4-8', '0-2', '2-4', '0-2', '2-4', '4-6', '6-8']);
  });
});
