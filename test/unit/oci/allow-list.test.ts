import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../config/index.js';
import { AllowList, parseReference } from '../../../core/oci/index.js';

const HEX = 'a'.repeat(64);

function allowed(entries: readonly string[], reference: string): boolean {
  return new AllowList(entries).allows(parseReference(reference));
}

describe('an allow list', () => {
  it.each([
    ['ghcr.io/solo-io/*', 'ghcr.io/solo-io/bumblebee/tcpconnect:0.0.14', true],
    ['ghcr.io/solo-io/*', 'ghcr.io/solo-io/x', true],
    ['ghcr.io/solo-io/*', `ghcr.io/solo-io/x@sha256:${HEX}`, true],
    ['ghcr.io/solo-io/*', `ghcr.io/solo-io/x:v1@sha256:${HEX}`, true],
    // Hosts know no case; a registry is the same whichever way it is typed.
    ['ghcr.io/solo-io/*', 'GHCR.IO/solo-io/x:v1', true],
    ['GHCR.io/solo-io/*', 'ghcr.io/solo-io/x', true],
    ['ghcr.io/solo-io/*', 'ghcr.io/solo-io', false],
    ['ghcr.io/solo-io/*', 'ghcr.io/solo-io-evil/x', false],
    ['ghcr.io/solo-io/*', 'ghcr.io/evil/solo-io/x', false],
    ['ghcr.io/solo-io/*', 'ghcr.io.evil.com/solo-io/x', false],
    ['ghcr.io/solo-io/*', 'evil.com/ghcr.io/solo-io/x', false],
    ['ghcr.io/solo-io/*', 'ghcr.io:443/solo-io/x', false],
    ['ghcr.io/solo-io/*', 'xghcr.io/solo-io/x', false],
    ['ghcr.io/solo-io/*', 'solo-io/x', false],
    ['ghcr.io/solo-io/x', 'ghcr.io/solo-io/x:any', true],
    ['ghcr.io/solo-io/x', 'ghcr.io/solo-io/xy', false],
    ['ghcr.io/solo-io/x', 'ghcr.io/solo-io/x/y', false],
    ['ghcr.io/*', 'ghcr.io/anything/at/all', true],
    ['ghcr.io/*', 'ghcr.io.evil.com/anything', false],
    ['localhost:5000/*', 'localhost:5000/x', true],
    ['localhost:5000/*', 'localhost:50001/x', false],
    ['localhost:5000/*', 'localhost/x', false],
    ['localhost/*', 'localhost:5000/x', false],
    ['docker.io/library/busybox', 'busybox', true],
    ['docker.io/library/*', 'busybox:1', true],
    ['docker.io/library/*', 'index.docker.io/busybox', true],
    ['docker.io/library/*', 'someone/busybox', false],
    ['[::1]:5000/*', '[::1]:5000/x', true],
  ])('%s allows %s: %s', (entry, reference, expected) => {
    expect(allowed([entry], reference)).toBe(expected);
    expect(allowed(['example.com/none', entry], reference)).toBe(expected);
  });

  it('says what it refuses, and what it has', () => {
    const list = new AllowList(['ghcr.io/solo-io/*']);
    expect(() => list.require(parseReference('busybox:1'))).toThrow(
      'busybox:1 is not allowed: no entry of `allow` covers docker.io/library/busybox. It has: "ghcr.io/solo-io/*"',
    );
    expect(() => list.require(parseReference('ghcr.io/solo-io/x'))).not.toThrow();
  });

  it('holds only entries whose meaning is plain', () => {
    const errorOf = (entry: string): string | undefined => {
      const text = JSON.stringify({ probes: [{ file: 'a.o' }], agent: { allow: [entry] } });
      try {
        parseConfig(text, '/x/probes.yaml', {});
        return undefined;
      } catch (error) {
        return (error as Error).message;
      }
    };
    for (const entry of [
      'ghcr.io/*',
      'ghcr.io/solo-io/*',
      'ghcr.io/a/b_c/d-e.f',
      'localhost/x',
      'registry:5000/x',
      '[::1]:5000/*',
      'GHCR.IO/x',
    ])
      expect(errorOf(entry), entry).toBeUndefined();
    for (const entry of [
      'ghcr.io',
      'ghcr.io/',
      'solo-io/*',
      'busybox',
      '*',
      '*/x',
      '*.io/x',
      'ghcr.io/*/x',
      'ghcr.io/solo*',
      'ghcr.io/**',
      'ghcr.io/x:v1',
      `ghcr.io/x@sha256:${HEX}`,
      'https://ghcr.io/x',
      'ghcr.io/UPPER/x',
      'ghcr.io/x/',
      'ghcr.io//x',
      'ghcr.io/../x',
      ' ghcr.io/x',
      'ghcr.io/x\n',
      '',
    ])
      expect(errorOf(entry), entry).toMatch(/agent\.allow\[0\].*expected a registry and a repository/);
    expect(() =>
      parseConfig('{"probes":[{"file":"a.o"}],"agent":{"allow":[]}}', '/x/probes.yaml', {}),
    ).toThrow('at least one repository');
  });
});
