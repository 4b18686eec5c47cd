export type OciErrorCode =
  /** Text is not a reference by the distribution grammar. */
  | 'INVALID_REFERENCE'
  /** Text is not a digest, or of an algorithm that is not supported. */
  | 'INVALID_DIGEST'
  /** A descriptor, manifest or index is not what the image specification says. */
  | 'INVALID_MANIFEST'
  /** A store's own files (`oci-layout`, `index.json`) cannot be understood. */
  | 'INVALID_STORE'
  /** No image under this reference, or a blob that is missing. */
  | 'NOT_FOUND'
  /** An image, but not one that holds an eBPF program (or none for this machine). */
  | 'NOT_A_PROBE'
  /** Content does not have the digest or the size that was promised. */
  | 'MISMATCH'
  /** Content exceeds a limit of ours. */
  | 'TOO_LARGE'
  /** A symbolic link, device or FIFO where the store must have a file or folder of its own. */
  | 'UNSAFE_PATH'
  /** Another process holds the store's lock for longer than we wait. */
  | 'LOCKED'
  /** A registry wants other credentials, or refuses what these allow. */
  | 'UNAUTHORIZED'
  /** A registry cannot be reached, does not answer in time, or is overloaded (429, 5xx) after several attempts. */
  | 'UNREACHABLE'
  /** A registry refuses a request for another reason. */
  | 'REFUSED'
  /** A registry's answer is not what the distribution specification says, or is not safe to follow. */
  | 'INVALID_RESPONSE'
  /** `HTTP_PROXY` or `HTTPS_PROXY` names no proxy. */
  | 'INVALID_PROXY'
  /** A file with credentials is damaged, or a credential helper fails. */
  | 'INVALID_CREDENTIALS'
  /** A file named as a public key is none, or of a kind that images are not verified with. */
  | 'INVALID_KEY'
  /** An image has no signature by the keys that are asked for. */
  | 'UNTRUSTED'
  /** No entry of an `allow` list covers the image's repository. */
  | 'NOT_ALLOWED'
  /** The caller's signal was aborted. */
  | 'ABORTED'
  /** The file system refused: no permission, read-only, full. `cause` has the system's error. */
  | 'IO';

/** Every failure of `core/oci`. `message` is one sentence that names the reference, digest or file. */
export class OciError extends Error {
  override readonly name = 'OciError';
  readonly code: OciErrorCode;

  constructor(code: OciErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The errno name of a system error: `ENOENT`. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Wrap a system error that is no answer to the question asked. An `OciError` passes unchanged. */
export function ioError(doing: string, path: string, cause: unknown): OciError {
  if (cause instanceof OciError) return cause;
  return new OciError('IO', `cannot ${doing} ${path}: ${systemReason(cause)}`, { cause });
}

/** What a system error says, in words, without the path and call that Node writes behind it. */
export function systemReason(cause: unknown): string {
  return REASONS[errnoOf(cause) ?? ''] ?? (cause instanceof Error ? cause.message : String(cause));
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'it exists already',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  ETXTBSY: 'it is a program that runs',
  EMFILE: 'too many open files',
};
