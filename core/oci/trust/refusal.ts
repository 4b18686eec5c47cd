import type { Blob } from '../image.js';
import type { Reference } from '../reference.js';
import type { PublicKey } from './public-key.js';
import type { Finding } from './verdict.js';

/** Different reasons that are shown of a place. */
const MAX_REASONS = 4;
const FINGERPRINT_SHOWN = 'sha256:'.length + 16;

/** Why an image is not trusted: which keys, which digests, what was found where, and what to do. */
export function refusal(
  reference: Reference,
  documents: readonly Blob[],
  keys: readonly PublicKey[],
  findings: readonly Finding[],
  registryAsked: boolean,
): string {
  const by = keys.map(({ name, fingerprint }) => `${name} (${fingerprint.slice(0, FINGERPRINT_SHOWN)}…)`);
  const digests = documents.map(({ descriptor }) => descriptor.digest);
  const found = [...groupByPlace(findings)].map(([place, group]) => `${place}: ${told(group)}`);
  if (!registryAsked) found.push('the registry was not asked');
  return [
    `${reference.text} is not trusted: ${digests.join(', or ')} has no signature by ${by.join(', nor by ')}.`,
    `Found in ${found.join('; in ')}.`.replace('; in the registry was', '; the registry was'),
    advice(reference, digests[0] ?? '', findings),
  ].join(' ');
}

function groupByPlace(findings: readonly Finding[]): Map<string, Finding[]> {
  const places = new Map<string, Finding[]>();
  for (const finding of findings) places.set(finding.from, [...(places.get(finding.from) ?? []), finding]);
  return places;
}

function told(findings: readonly Finding[]): string {
  const counts = new Map<string, number>();
  for (const why of findings.flatMap(({ signatures }) => signatures))
    counts.set(why, (counts.get(why) ?? 0) + 1);
  const reasons = [
    ...[...counts].map(([why, n]) => (n === 1 ? `a signature ${why}` : `${n} signatures ${why}`)),
    ...new Set(findings.flatMap(({ faults }) => faults.map((fault) => `not readable: ${fault}`))),
  ];
  if (reasons.length === 0) return 'none';
  const more = reasons.length - MAX_REASONS;
  return [...reasons.slice(0, MAX_REASONS), ...(more > 0 ? [`${more} more`] : [])].join(', ');
}

function advice(reference: Reference, digest: string, findings: readonly Finding[]): string {
  const signatures = findings.flatMap((finding) => finding.signatures);
  if (signatures.some((why) => why.startsWith('by another key')))
    return 'If you trust whoever signed it, give their public key instead.';
  if (signatures.length === 0 && findings.some(({ faults }) => faults.length > 0))
    return 'Try again when it can be read.';
  return `Whoever has the private key can sign it: cosign sign --key cosign.key ${reference.name}@${digest}`;
}
