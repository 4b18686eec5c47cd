export type KernelErrorCode =
  /** The bytes are no BPF object that libbpf can open. */
  | 'OPEN_FAILED'
  /** Maps or programs could not be created, for a reason that is none of those below. */
  | 'LOAD_FAILED'
  /** The verifier refused a program; `verifierLog` says why. */
  | 'VERIFIER'
  /** What a program hangs on is not there, or would not take it. */
  | 'ATTACH_FAILED'
  /** Root, or a capability, is missing; or the kernel is locked down. */
  | 'NOT_PERMITTED'
  /** This kernel has no such program type, map type or attach point. */
  | 'UNSUPPORTED'
  /** `/sys/kernel/btf/vmlinux` is missing. */
  | 'NO_BTF'
  /** tracefs is not mounted and cannot be. */
  | 'TRACEFS'
  /** The C++ addon is missing or was built for something else. */
  | 'NO_ADDON'
  /** Used after `close`. */
  | 'CLOSED'
  /** An argument or an order of calls that makes no sense. */
  | 'INVALID'
  /** The kernel failed a call of ours on a map or ring. */
  | 'IO';

export interface KernelErrorDetail {
  readonly cause?: unknown;
  /** Program that it is about. */
  readonly program?: string | undefined;
  /** What libbpf said. */
  readonly log?: string | undefined;
  /** End of the verifier's log. */
  readonly verifierLog?: string | undefined;
}

/** Every failure of `core/kernel`. `message` says what failed, why, and what to do about it. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  readonly code: KernelErrorCode;
  readonly program?: string;
  readonly log?: string;
  readonly verifierLog?: string;

  constructor(code: KernelErrorCode, message: string, detail: KernelErrorDetail = {}) {
    super(message, 'cause' in detail ? { cause: detail.cause } : undefined);
    this.code = code;
    if (detail.program !== undefined) this.program = detail.program;
    if (detail.log !== undefined) this.log = detail.log;
    if (detail.verifierLog !== undefined) this.verifierLog = detail.verifierLog;
  }
}
