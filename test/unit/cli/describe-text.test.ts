import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { type Description, descriptionLines } from '../../../core/cli/describe/text.js';
import { displayWidth } from '../../../core/cli/run/view/text.js';

const HOSTILE = 'x\u001b]0;owned\u0007\u009b2J\u202e\u200f\u061c\u2028\ufeffy';

/** Every text that an image may choose is hostile. */
const DESCRIPTION: Description = {
  source: 'localhost/x:v1',
  digest: 'sha256:00',
  size: 1,
  platform: { os: HOSTILE, architecture: HOSTILE, 'os.version': HOSTILE, variant: HOSTILE },
  platforms: [{ os: HOSTILE, architecture: HOSTILE }],
  annotations: { [HOSTILE]: HOSTILE, 'org.opencontainers.image.title': HOSTILE },
  summaryFrom: 'config',
  license: HOSTILE,
  programs: [{ name: HOSTILE, section: `${HOSTILE}/${HOSTILE}` }],
  maps: [
    {
      name: HOSTILE,
      kind: 'print',
      type: HOSTILE,
      maxEntries: 1,
      key: [{ name: HOSTILE, type: HOSTILE }],
      value: [{ name: HOSTILE, type: HOSTILE }],
    },
  ],
  params: [{ name: HOSTILE, type: HOSTILE, default: HOSTILE }],
  requirements: [{ feature: HOSTILE, linux: '5.8', config: HOSTILE }],
};

describe('the description of a hostile image', () => {
  const text = descriptionLines(DESCRIPTION, pc.createColors(false), displayWidth).join('\n');

  it('cannot act on a terminal', () => {
    expect(text).not.toMatch(
      /[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/,
    );
  });

  it('is shown all the same', () => {
    for (const title of ['Programs', 'Maps', 'Parameters', 'Needs Linux 5.8 or newer', 'Platforms'])
      expect(text).toContain(title);
    expect(text.match(/owned/g)!.length).toBeGreaterThan(15);
  });
});
