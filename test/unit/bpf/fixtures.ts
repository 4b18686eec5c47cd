import { readFileSync } from 'node:fs';

const FOLDER = new URL('../../fixtures/bumblebee/', import.meta.url);

function blob(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, FOLDER)));
}

/** `execs.c`, as the newest BumbleBee built it: kinds of maps in their names. */
export const execs = blob(
  'store/blobs/sha256/7b4166d014b28ddb983504eaa76e36c160868366d22c72cd7b2c9dabd23a553a',
);

/** `legacy.c`, as BumbleBee 0.0.14 built it: kinds of maps in their sections. */
export const legacy = blob(
  'store-0.0.14/blobs/sha256/36e80b234a3fe47a9d0267d47ff51806d9afbaeafb698e4309c4e8750a076625',
);
