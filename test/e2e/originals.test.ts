import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernelHasKprobes } from '../../core/cli/init/kprobes.js';
import { bee, beeOk } from '../support/bee.js';
import { originals } from '../support/originals.js';

const SOURCES = originals();

// The sources that this repository has are written in the manner of the originals: see test/e2e/probes/originals.
describe.skipIf(SOURCES.length === 0)(
  "BumbleBee's own examples (BEE_ORIGINALS names no folder of them: skipped)",
  () => {
    let folder: string;
    let env: { HOME: string; BEE_STORAGE: string };
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'bee-originals-'));
      env = { HOME: folder, BEE_STORAGE: join(folder, 'store') };
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    it.each(SOURCES)('$id is built, described and run', async ({ id, source }) => {
      const image = `localhost/given/${id.toLowerCase()}:v1`;
      await beeOk(['build', source, image], { env });
      const described = JSON.parse(await beeOk(['describe', image, '--output', 'json'], { env }));
      const programs: { section: string }[] = described.programs;
      expect(programs.length).toBeGreaterThan(0);
      expect(described.maps.some(({ kind }: { kind?: string | null }) => typeof kind === 'string')).toBe(
        true,
      );
      const ran = await bee(['run', image, '--no-tty', '--prom-port', '0', '--duration', '2s'], { env });
      // What hangs on kprobes runs on the second kernel: test/kernel2/originals.test.ts.
      if (!kernelHasKprobes() && programs.some(({ section }) => /^k(?:ret)?probe/.test(section)))
        expect(ran).toMatchObject({ code: 1, stderr: expect.stringMatching(/^error: .*kprobe/s) });
      else expect(ran).toMatchObject({ code: 0, stderr: expect.not.stringContaining('error') });
    });
  },
);
