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

  it('makes the most of its requests from the start where all is too large', async () => {
    const tooLarge: PartResult = { status: 'split', error: 'too large', tooLarge: true };
    const requestsOf = async (most: number, refusal: PartResult) => {
      let requests = 0;
      const { status } = await new BatchParts().write({}, 10_000, async (from, to) => {
        requests++;
        return to - from > most ? refusal : { status: 'ok' };
      });
      return { requests, status };
    };
    expect(await requestsOf(100, tooLarge)).toEqual({ requests: 255, status: 'ok' });
    expect(await requestsOf(1, tooLarge)).toEqual({ requests: 257, status: 'drop' });
    expect(await requestsOf(1, split)).toEqual({ requests: 65, status: 'drop' });
  });

  it.each([
    [{ status: 'ok', rejected: Number.NaN }, /`rejected` is no number of events/],
    [{ status: 'ok', rejected: 0.5 }, /`rejected` is no number of events/],
    [{ status: 'fine' }, /unknown status/],
    [undefined, /no object/],
  ])('takes %o for no answer, and sends the part again', async (wrong, message) => {
    const parts = new BatchParts();
    const batch = {};
    await expect(parts.write(batch, 2, async () => wrong as PartResult)).rejects.toThrow(message);
    expect(await parts.write(batch, 2, async () => ({ status: 'ok' }))).toEqual({ status: 'ok' });
  });

  it('tells of each part as it is settled', async () => {
    const told: number[][] = [];
    const send = async (from: number, to: number): Promise<PartResult> => {
      if (to - from > 2) return split;
      if (from === 0) return { status: 'ok', rejected: 1 };
      return from === 2 ? { status: 'drop' } : { status: 'retry' };
    };
    await new BatchParts().write({}, 8, send, (...settled) => told.push(settled));
    expect(told).toEqual([
      [2, 1],
      [2, 2],
    ]);
  });
});
