import { type Digest, isDigest, parseDigest, quote } from './digest.js';
import { OciError } from './error.js';

/**
 * An image reference as somebody typed it. The store knows an image by {@link Reference.text} and nothing
 * else, as BumbleBee does; what Docker would make of it is {@link networkReference}'s business.
 */
export interface Reference {
  /** Exactly what was typed. */
  readonly text: string;
  /** Without tag and digest: `localhost:5000/probes/execs`. */
  readonly name: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** Where a registry has the image: Docker's normalisation of a {@link Reference}. */
export interface NetworkReference {
  /** Host with optional port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** `library/busybox`, `solo-io/bumblebee/tcpconnect` */
  readonly repository: string;
  /** `latest` when neither tag nor digest was typed. */
  readonly tag?: string;
  readonly digest?: Digest;
}

// The grammar of github.com/distribution/reference (reference.go, regexp.go), anchored.
const DOMAIN_COMPONENT = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN_NAME = `${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*`;
const IPV6 = '\\[(?:[a-fA-F0-9:]+)\\]';
const DOMAIN = `(?:${DOMAIN_NAME}|${IPV6})(?::[0-9]+)?`;
const PATH_COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const REMOTE_NAME = `${PATH_COMPONENT}(?:/${PATH_COMPONENT})*`;
const NAME = new RegExp(`^(?:(${DOMAIN})/)?(${REMOTE_NAME})$`);
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

/** distribution/reference: NameTotalLengthMax; the distribution spec tells of the same limit, host included. */
const MAX_NAME = 255;
/** Name, tag, and the longest digest: anything longer is refused before a regular expression sees it. */
const MAX_TEXT = MAX_NAME + 1 + 128 + 1 + 256;

/** Parse by the distribution grammar. Adds nothing: no default registry, no default tag. */
export function parseReference(text: string): Reference {
  if (text === '') throw invalid(text, 'it is empty');
  if (text.length > MAX_TEXT) throw invalid(text, `longer than ${MAX_TEXT} characters`);

  const at = text.indexOf('@');
  const beforeDigest = at < 0 ? text : text.slice(0, at);
  const digestText = at < 0 ? undefined : text.slice(at + 1);
  const { name, tag } = splitTag(beforeDigest);

  if (!NAME.test(name)) throw invalid(text, whyNotAName(name));
  if (name.length > MAX_NAME) throw invalid(text, `the name is longer than ${MAX_NAME} characters`);
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(text, `${quote(tag)} is not a tag (letters, digits, "_", "." and "-", at most 128)`);
  }
  if (digestText !== undefined && !DIGEST.test(digestText)) {
    throw invalid(text, `${quote(digestText)} is not a digest`);
  }
  return {
    text,
    name,
    ...(tag === undefined ? {} : { tag }),
    ...(digestText === undefined ? {} : { digest: parseDigest(digestText) }),
  };
}

/**
 * Docker's normalisation (distribution/reference, normalize.go), for the network only. The first part of the
 * name is a registry when it has a dot, a colon or a capital letter, or is `localhost`.
 */
export function networkReference(reference: Reference): NetworkReference {
  const { name, text } = reference;
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const typed = /[.:[]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  let registry = typed ? first : 'docker.io';
  let repository = typed ? name.slice(slash + 1) : name;
  if (registry === 'index.docker.io') registry = 'docker.io';
  if (registry === 'docker.io' && !repository.includes('/')) repository = `library/${repository}`;
  if (!typed && /^[0-9a-f]{64}$/.test(name)) throw invalid(text, 'a name cannot be 64 hexadecimal digits');

  const tag = reference.tag ?? (reference.digest === undefined ? 'latest' : undefined);
  return {
    registry,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(reference.digest === undefined ? {} : { digest: reference.digest }),
  };
}

/** Last path segment, without tag and digest: what a probe is called by default. */
export function shortName(reference: Reference): string {
  return reference.name.slice(reference.name.lastIndexOf('/') + 1);
}

/** A colon behind the last slash is a tag's, not a port's. An IPv6 host alone has no slash, and is no name. */
function splitTag(text: string): { name: string; tag?: string } {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  return colon < 0 ? { name: text } : { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

function whyNotAName(name: string): string {
  if (NAME.test(name.toLowerCase())) return 'the repository name must be lower case';
  if (isDigest(name)) return 'a digest needs a name before it';
  if (/^[a-z]+:?\/\//i.test(name)) return 'a reference has no scheme such as https://';
  return `${quote(name)} is not an image name`;
}

function invalid(text: string, why: string): OciError {
  return new OciError('INVALID_REFERENCE', `invalid reference ${quote(text)}: ${why}`);
}
