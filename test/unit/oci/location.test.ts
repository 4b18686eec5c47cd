import { describe, expect, it } from 'vitest';
import { isLinkLocal, isLoopback } from '../../../core/oci/registry/address.js';
import { safeLocation } from '../../../core/oci/registry/http.js';

const at = new URL('https://ghcr.example/v2/a/b/blobs/uploads/1?state=x');

describe('a Location', () => {
  it.each([
    ['/v2/a/b/blobs/uploads/2', 'https://ghcr.example/v2/a/b/blobs/uploads/2'],
    ['2?state=y', 'https://ghcr.example/v2/a/b/blobs/uploads/2?state=y'],
    ['//store.example/x', 'https://store.example/x'],
    ['https://store.example:8443/x?sig=1', 'https://store.example:8443/x?sig=1'],
    ['https://10.0.0.7/x', 'https://10.0.0.7/x'],
    // Behind a proxy that ends TLS.
    ['http://ghcr.example/v2/x', 'https://ghcr.example/v2/x'],
    ['http://ghcr.example:5000/v2/x', 'https://ghcr.example/v2/x'],
  ])('%s is followed', (location, url) => expect(safeLocation(location, at).href).toBe(url));

  it.each([
    ['http://store.example/x', /from HTTPS to plain HTTP/],
    ['http://169.254.169.254/latest/meta-data/iam', /link-local/],
    ['https://169.254.169.254/x', /link-local/],
    ['https://[fe80::1]/x', /link-local/],
    ['https://[febf::1]/x', /link-local/],
    ['https://[::ffff:169.254.169.254]/x', /link-local/],
    // WHATWG URLs know addresses in other clothes.
    ['https://2852039166/x', /link-local/],
    ['https://0xa9.0xfe.0xa9.0xfe/x', /link-local/],
    ['https://127.0.0.1:2375/x', /to this machine/],
    ['https://localhost/x', /to this machine/],
    ['https://[::1]/x', /to this machine/],
    ['https://[::ffff:127.0.0.1]/x', /to this machine/],
    ['https://0.0.0.0:2375/x', /to this machine/],
    ['https://0/x', /to this machine/],
    ['https://[::]/x', /to this machine/],
    ['https://localhost./x', /to this machine/],
    ['https://x.LOCALHOST/x', /to this machine/],
    ['https://[::ffff:0.0.0.0]/x', /to this machine/],
    ['https://user@store.example/x', /credentials in it/],
    ['https://user:secret@store.example/x', /credentials in it/],
    ['file:///etc/passwd', /neither HTTP nor HTTPS/],
    ['data:text/plain,x', /neither HTTP nor HTTPS/],
    ['unix:/run/docker.sock', /neither HTTP nor HTTPS/],
    ['http://[bad', /is not a URL/],
  ])('%s is not', (location, why) => expect(() => safeLocation(location, at)).toThrow(why));

  it('does not get its query into a message', () => {
    expect(() => safeLocation('http://store.example/x?sig=SECRET', at)).toThrow(
      expect.objectContaining({ message: expect.not.stringMatching(/SECRET|state=x/) }),
    );
  });

  it('may stay where the registry itself is', () => {
    expect(safeLocation('/x', new URL('http://169.254.1.1:5000/')).href).toBe('http://169.254.1.1:5000/x');
    expect(safeLocation('http://localhost:1/x', new URL('http://127.0.0.1:5000/')).port).toBe('1');
  });
});

it('loopback and link-local addresses are known, with port and without', () => {
  for (const host of [
    'localhost',
    'localhost:5000',
    '127.0.0.1:5000',
    '127.9.9.9',
    '::1',
    '[::1]',
    '[::1]:5000',
  ])
    expect(isLoopback(host), host).toBe(true);
  for (const host of ['localhost.example', '128.0.0.1', '127.0.0.1.example', '[::2]:5000', 'registry:5000'])
    expect(isLoopback(host), host).toBe(false);
  expect(isLinkLocal('169.254.0.1:80')).toBe(true);
  expect(isLinkLocal('169.255.0.1')).toBe(false);
});
