import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { ImageStore, type Registries } from '../../core/oci/index.js';
import type { WebServer } from './web-server.js';

/** A store of each test's own, and what the test opens to fill it. */
export interface ScratchOci {
  readonly folder: string;
  readonly store: ImageStore;
  server: WebServer | undefined;
  registries: Registries | undefined;
}

/** To be called at the top of a file of tests: made before each of them, closed and removed after it. */
export function scratchOci(prefix: string): ScratchOci {
  const scratch = {} as { -readonly [K in keyof ScratchOci]: ScratchOci[K] };
  beforeEach(() => {
    scratch.folder = mkdtempSync(join(tmpdir(), prefix));
    scratch.store = new ImageStore(join(scratch.folder, 'store'));
  });
  afterEach(async () => {
    await scratch.registries?.close();
    await scratch.server?.stop();
    scratch.registries = scratch.server = undefined;
    rmSync(scratch.folder, { recursive: true, force: true });
  });
  return scratch;
}
