import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeOrigin } from '../batch/batch-codec.js';
import { SEGMENT_HEADER_BYTES } from './frame.js';
import { Segment, segmentName, segmentNumber } from './segment.js';
import { SegmentReader } from './segment-reader.js';

/** Files set aside that are kept for somebody to look at. */
const MAX_ASIDE = 4;
const ASIDE = /\.seg\.bad$/;

export interface Recovered {
  /** Those with something to deliver, oldest first. */
  readonly segments: readonly Segment[];
  /** For the next frame and the next segment. */
  readonly sequence: number;
  readonly number: number;
  /** Stretches of files, and whole files, in which nothing can be read. */
  readonly damaged: number;
  readonly problems: readonly string[];
}

/** Read what an earlier run left in `folder`: from the frame `from` on, frame by frame, checksums and all. */
export async function recover(folder: string, from: number): Promise<Recovered> {
  const names = await readdir(folder);
  const numbers = names.map(segmentNumber).filter((number) => number !== undefined);
  const segments: Segment[] = [];
  const problems: string[] = [];
  let damaged = 0;
  let sequence = from;
  for (const number of numbers.sort((a, b) => a - b)) {
    const path = join(folder, segmentName(number));
    // Killed between making the file and writing to it.
    if ((await stat(path)).size === 0) {
      await rm(path);
      continue;
    }
    const segment = await Segment.reopen(folder, number);
    if ('problem' in segment) {
      damaged++;
      problems.push(
        `${path} cannot be read, ${segment.problem}; it is set aside as ${segmentName(number)}.bad`,
      );
      await rename(path, `${path}.bad`);
      continue;
    }
    damaged += await scan(segment, from);
    sequence = Math.max(sequence, segment.lastSequence + 1);
    if (segment.untaken.length > 0) segments.push(segment);
    else await segment.remove();
  }
  await keepFewAside(folder);
  return { segments, sequence, number: Math.max(0, ...numbers) + 1, damaged, problems };
}

/** Count what is there; gives how many stretches are damaged. */
async function scan(segment: Segment, from: number): Promise<number> {
  const reader = new SegmentReader(segment.file, segment.salt, SEGMENT_HEADER_BYTES);
  for (let found = await reader.next(segment.size); found; found = await reader.next(segment.size)) {
    if (found.header) segment.lastSequence = Math.max(segment.lastSequence, found.header.sequence);
    if (found.kind === 'damaged') segment.damage++;
    else if (found.header.sequence >= from) segment.add(decodeOrigin(found.meta), found.header.count);
  }
  return segment.damage;
}

async function keepFewAside(folder: string): Promise<void> {
  const aside = (await readdir(folder)).filter((name) => ASIDE.test(name)).sort();
  for (const name of aside.slice(0, -MAX_ASIDE)) await rm(join(folder, name), { force: true });
}
