import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' });

/** `name.pem` and `name.key` in `folder`: a CA. */
export function makeCa(folder: string, name: string): void {
  const file = (extension: string): string => join(folder, `${name}.${extension}`);
  openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', `/CN=${name}`, '-keyout', file('key'), '-out', file('pem')],
  );
}

/** `name.pem` and `name.key` in `folder`: a certificate for `subject` and clients, signed by the CA `ca`. */
export function makeCertificate(folder: string, name: string, ca: string, subject = 'IP:127.0.0.1'): void {
  const file = (of: string, extension: string): string => join(folder, `${of}.${extension}`);
  const extensions = file(name, 'cnf');
  writeFileSync(extensions, `subjectAltName=${subject}\nextendedKeyUsage=serverAuth,clientAuth\n`);
  openssl(
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-subj', `/CN=${name}`, '-keyout', file(name, 'key'), '-out', file(name, 'csr')],
  );
  openssl(
    ...['x509', '-req', '-days', '2', '-in', file(name, 'csr'), '-extfile', extensions],
    ...['-CA', file(ca, 'pem'), '-CAkey', file(ca, 'key'), '-CAcreateserial', '-out', file(name, 'pem')],
  );
}
