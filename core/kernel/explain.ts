import { existsSync } from 'node:fs';
import type { NativeError } from '../../native/addon.js';
import { isNativeError, wrapNative } from './addon.js';
import { KernelError, type KernelErrorCode } from './error.js';
import { kernelRelease } from './release.js';
import { isKprobe, isTracepoint, isTrampoline, sectionKind, sectionTarget } from './sections.js';
import { tracefs } from './tracefs.js';
import { KERNEL_BTF } from './vmlinux.js';

interface ProgramName {
  readonly name: string;
  readonly section: string;
}

const LOG_LINES = 40;
/** Lines of the verifier's log that a message quotes. */
const PLACE_LINES = 6;

/** Why an object did not open. */
export function explainOpen(error: unknown, object: string): unknown {
  if (!isNativeError(error) || isOrderly(error)) return wrapNative(error);
  const name = /failed to find BTF for extern '([^']+)'/.exec(error.log ?? '')?.[1];
  if (name) {
    return failure(
      'OPEN_FAILED',
      `${object} uses ${name}, which is not in the object and, by its BTF, not the kernel's: eBPF has no C library. Write it into the program, or declare it __ksym or __kconfig where the kernel has it.`,
      error,
    );
  }
  return failure(
    'OPEN_FAILED',
    `${object} is no eBPF object that libbpf can open: ${firstLine(error)}`,
    error,
  );
}

/** Why an object did not load: the program, if one is to blame, the verifier's last word, and what to do. */
export function explainLoad(error: unknown, object: string, programs: readonly ProgramName[]): unknown {
  if (!isNativeError(error) || isOrderly(error)) return wrapNative(error);
  const log = error.log ?? '';
  if (isPermission(error) && !isRoot())
    return failure(
      'NOT_PERMITTED',
      `${object} cannot be loaded: loading eBPF programs needs root. Run with sudo.`,
      error,
    );
  if (/kernel BTF|vmlinux BTF|valid kernel BTF/i.test(log) && !existsSync(KERNEL_BTF)) {
    return failure(
      'NO_BTF',
      `${object} needs the kernel's types, and ${KERNEL_BTF} is missing: the kernel needs CONFIG_DEBUG_INFO_BTF=y.`,
      error,
    );
  }
  const pin = /couldn't reuse pinned map at '([^']+)': parameter mismatch/.exec(log)?.[1];
  if (pin)
    return failure(
      'IO',
      `${pin} is pinned already, and is not such a map as ${object} has: of another type or size. Where nothing needs it, remove it (rm ${pin}); otherwise pin in another folder.`,
      error,
    );
  const name = /prog '([^']+)'/.exec(log)?.[1];
  const program = programs.find((known) => known.name === name);
  const map =
    /map '([^']+)': failed to create: (.*)/.exec(log) ?? /failed to create map '([^']+)'.*?: (.*)/.exec(log);
  if (map && !/BPF program load failed/.test(log)) {
    return failure(
      'LOAD_FAILED',
      `${object}: the kernel refused map ${map[1]}: ${map[2]}. ${mapAdvice(error)}`,
      error,
    );
  }
  if (!program) return failure('LOAD_FAILED', `${object} cannot be loaded: ${firstLine(error)}`, error);

  const what = `program ${program.name} (${program.section})`;
  const missing = /failed to find kernel BTF type ID of '([^']+)'/.exec(log)?.[1];
  if (missing) {
    return failure(
      'UNSUPPORTED',
      `${what}: this kernel (${kernelRelease().release}) has no ${btfTarget(program)}${missing}.`,
      error,
      program,
    );
  }
  if (isPermission(error) && isTrampoline(program.section) && !verifierSays(error)) {
    return failure(
      'UNSUPPORTED',
      `${what}: this kernel (${kernelRelease().release}) refuses ${sectionKind(program.section)} programs even to root: it was built without BPF trampolines or BPF LSM (CONFIG_FUNCTION_TRACER, CONFIG_BPF_LSM), or is locked down. A tracepoint, raw_tp or tp_btf program may do.`,
      error,
      program,
    );
  }
  const reason = verifierSays(error);
  if (reason)
    return failure(
      'VERIFIER',
      [`${what}: the verifier refused it: ${reason}`, ...verifierPlace(error, reason)].join('\n    '),
      error,
      program,
    );
  if (isPermission(error)) {
    return failure(
      'NOT_PERMITTED',
      `${what}: the kernel refused to load it (${error.code}). It needs CAP_BPF and CAP_PERFMON, and a kernel that is not locked down for confidentiality.`,
      error,
      program,
    );
  }
  return failure(
    'LOAD_FAILED',
    `${what}: the kernel refused to load it: ${firstLine(error)}`,
    error,
    program,
  );
}

/** Why a program could not be attached. */
export function explainAttach(error: unknown, program: ProgramName): unknown {
  if (error instanceof KernelError) return error;
  if (!isNativeError(error) || isOrderly(error)) return wrapNative(error);
  const { section } = program;
  const kind = sectionKind(section);
  const target = sectionTarget(section);
  const what = `program ${program.name} (${section})`;
  const { release } = kernelRelease();
  if (isPermission(error) && !isRoot()) {
    return failure(
      'NOT_PERMITTED',
      `${what}: attaching eBPF programs needs root. Run with sudo.`,
      error,
      program,
    );
  }
  if (isTracepoint(section) && error.code === 'ENOENT') {
    return failure(
      'ATTACH_FAILED',
      `${what}: tracepoint ${target} does not exist on this kernel (${release}). ${tracepointAdvice(target)}`,
      error,
      program,
    );
  }
  if (/^raw_(tp|tracepoint)(\.w)?$/.test(kind) && error.code === 'ENOENT') {
    return failure(
      'ATTACH_FAILED',
      `${what}: raw tracepoint ${target} does not exist on this kernel (${release}). Raw tracepoints have a tracepoint's name without its category.`,
      error,
      program,
    );
  }
  if (isKprobe(section)) {
    if (!hasKprobes()) {
      return failure(
        'UNSUPPORTED',
        `${what}: this kernel (${release}) has no kprobes (CONFIG_KPROBES). A tracepoint, raw_tp or tp_btf program may do.`,
        error,
        program,
      );
    }
    if (error.code === 'ENOENT' || error.code === 'EADDRNOTAVAIL') {
      return failure(
        'ATTACH_FAILED',
        `${what}: this kernel (${release}) has no function ${target} that can be probed, or the module that has it is not loaded. See /proc/kallsyms.`,
        error,
        program,
      );
    }
  }
  if (/^u(ret)?probe|^usdt/.test(kind) && error.code === 'ENOENT') {
    return failure(
      'ATTACH_FAILED',
      `${what}: the file or symbol of ${target} does not exist.`,
      error,
      program,
    );
  }
  if (kind === 'perf_event') {
    return failure(
      isPermission(error) ? 'NOT_PERMITTED' : 'ATTACH_FAILED',
      `${what}: the CPU clock cannot be sampled: ${firstLine(error)}. See /proc/sys/kernel/perf_event_paranoid and CAP_PERFMON.`,
      error,
      program,
    );
  }
  if (error.code === 'EOPNOTSUPP' || error.code === 'ENOTSUPP') {
    return failure(
      'UNSUPPORTED',
      `${what}: this kernel (${release}) or libbpf cannot attach it: ${firstLine(error)}`,
      error,
      program,
    );
  }
  if (isPermission(error)) {
    return failure(
      'NOT_PERMITTED',
      `${what}: the kernel refused to attach it (${error.code}).`,
      error,
      program,
    );
  }
  return failure('ATTACH_FAILED', `${what} cannot be attached: ${firstLine(error)}`, error, program);
}

/** Why a program could not be pinned at `path`. */
export function explainPin(error: unknown, path: string): unknown {
  if (!isNativeError(error) || error.code !== 'EEXIST') return wrapNative(error);
  return failure(
    'IO',
    `${path} is pinned already: a bee that runs has it, or one that was killed left it. Where none runs, remove it (rm ${path}); otherwise pin in another folder.`,
    error,
  );
}

/** Not the kernel's doing: closed meanwhile, or called in the wrong order. */
function isOrderly(error: NativeError): boolean {
  return error.code === 'CLOSED' || error.code === 'INVALID' || error.code === 'ECANCELED';
}

function isPermission(error: NativeError): boolean {
  return error.code === 'EPERM' || error.code === 'EACCES';
}

function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

function hasKprobes(): boolean {
  const traces = tracefs();
  return (
    existsSync('/sys/bus/event_source/devices/kprobe') ||
    (traces !== undefined && existsSync(`${traces}/kprobe_events`))
  );
}

function tracepointAdvice(target: string): string {
  const category = target.split('/', 1)[0]!;
  const folder = `${tracefs()}/events/${category}`;
  return existsSync(folder)
    ? `${folder} lists those of ${category}.`
    : `It has no tracepoints of ${category} at all: the kernel was built without, or the module that has them is not loaded.`;
}

function mapAdvice(error: NativeError): string {
  if (error.code === 'EINVAL')
    return 'A type of map that this kernel does not know, or a size that it does not allow.';
  if (error.code === 'ENOMEM' || error.code === 'E2BIG') return 'It is too big: lower its max_entries.';
  return '';
}

function btfTarget(program: ProgramName): string {
  return sectionKind(program.section) === 'tp_btf' ? 'tracepoint ' : 'function ';
}

/** The verifier's last line but its statistics. Empty when it did not run, or had nothing to object. */
function verifierSays(error: NativeError): string {
  const lines = (error.verifierLog ?? '').split('\n').map((line) => line.trim());
  return (
    lines
      .filter((line) => line !== '' && !/^(processed \d+ insns|verification time|stack depth|-- )/.test(line))
      .at(-1) ?? ''
  );
}

/** Source line and instructions that led to its last word: the end of the log from the last `; ` line on. */
function verifierPlace(error: NativeError, reason: string): string[] {
  const lines = (error.verifierLog ?? '').split('\n').map((line) => line.trim());
  const end = lines.lastIndexOf(reason);
  const source = lines.slice(0, end).findLastIndex((line) => line.startsWith('; '));
  return source < 0 ? [] : lines.slice(source, end).slice(0, PLACE_LINES).filter(Boolean);
}

function firstLine(error: NativeError): string {
  return error.log?.split('\n', 1)[0] || error.message;
}

function failure(
  code: KernelErrorCode,
  message: string,
  cause: NativeError,
  program?: ProgramName,
): KernelError {
  return new KernelError(code, message.trimEnd(), {
    cause,
    program: program?.name,
    log: cause.log,
    verifierLog: cause.verifierLog?.trimEnd().split('\n').slice(-LOG_LINES).join('\n'),
  });
}
