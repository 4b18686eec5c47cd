import { codeUse } from './code.js';
import { type Elf, parseElf, sectionNamed } from './elf.js';
import type { ObjectSpec } from './spec.js';

/** Something that a kernel must have to run an object. */
export interface Requirement {
  /** `ring buffer`, `helper bpf_loop`, `BTF of the kernel` */
  readonly feature: string;
  /** First release of Linux that has it: `5.8`. Absent for what is a matter of the kernel's configuration. */
  readonly linux?: string;
  /** Of the kernel's configuration: `CONFIG_KPROBES`. */
  readonly config?: string;
}

/**
 * What an object needs of a kernel, newest first, as far as its bytes tell: from the types of its programs and
 * maps, its helpers and its instructions. Not everything is there to be seen: a kernel function that a program
 * hangs on, a field that a kernel does not have, what the verifier of an older release does not understand.
 * Only what came after Linux 4.17 is named.
 */
export function requirements(bytes: Uint8Array, spec: ObjectSpec): Requirement[] {
  const elf = parseElf(bytes);
  const found = new Map<string, Requirement>();
  const add = (requirement: Requirement | undefined) => {
    if (requirement !== undefined) found.set(requirement.feature, requirement);
  };
  for (const { section } of spec.programs) for (const requirement of ofProgram(section)) add(requirement);
  for (const { type } of spec.maps) {
    const linux = MAP_TYPES[type];
    if (linux !== undefined) add({ feature: `map type ${type}`, linux });
  }
  const { helpers, loops, fetchingAtomics } = codeUse(elf);
  for (const id of helpers) add(ofHelper(id));
  if (loops) add({ feature: 'bounded loops', linux: '5.3' });
  if (fetchingAtomics) add({ feature: 'atomic operations that fetch', linux: '5.12' });
  if (elf.sections.some(({ name, size }) => size > 0 && /^\.(rodata|data|bss)(\.|$)/.test(name))) {
    add({ feature: 'global variables', linux: '5.2' });
  }
  if (hasCoreRelocations(elf)) add(KERNEL_BTF);
  return [...found.values()].sort(
    (a, b) => order(b.linux) - order(a.linux) || (a.feature < b.feature ? -1 : 1),
  );
}

/** The newest release that a list of requirements names. */
export function oldestLinux(list: readonly Requirement[]): string | undefined {
  return list.map(({ linux }) => linux).sort((a, b) => order(b) - order(a))[0];
}

const KERNEL_BTF: Requirement = { feature: 'BTF of the kernel', config: 'CONFIG_DEBUG_INFO_BTF' };
const KPROBES: Requirement = { feature: 'kprobes', config: 'CONFIG_KPROBES' };
const TRACEPOINTS: Requirement = { feature: 'tracepoints', config: 'CONFIG_FTRACE' };
const UPROBES: Requirement = { feature: 'uprobes', config: 'CONFIG_UPROBES' };

/** By the first part of the section's name, as libbpf reads it. */
function ofProgram(section: string): Requirement[] {
  const kind = section.split('/', 1)[0]!.replace(/\.s$/, '');
  const sleepable = /^[^/]+\.s(\/|$)/.test(section);
  const since = (linux: string): Requirement => ({ feature: `${kind} programs`, linux });
  switch (kind) {
    case 'kprobe':
    case 'kretprobe':
    case 'ksyscall':
    case 'kretsyscall':
      return [KPROBES];
    case 'kprobe.multi':
    case 'kretprobe.multi':
      return [KPROBES, since('5.18')];
    case 'kprobe.session':
      return [KPROBES, since('6.10')];
    case 'uprobe':
    case 'uretprobe':
    case 'usdt':
      return sleepable ? [UPROBES, { feature: `sleepable ${kind} programs`, linux: '6.0' }] : [UPROBES];
    case 'uprobe.multi':
    case 'uretprobe.multi':
      return [UPROBES, since('6.6')];
    case 'tracepoint':
    case 'tp':
      return [TRACEPOINTS];
    case 'raw_tp.w':
    case 'raw_tracepoint.w':
      return [since('5.2')];
    case 'tp_btf':
      return [since('5.5'), KERNEL_BTF];
    case 'fentry':
    case 'fexit':
      return [since('5.5'), KERNEL_BTF, ...(sleepable ? [SLEEPABLE] : [])];
    case 'fmod_ret':
      return [since('5.7'), KERNEL_BTF, ...(sleepable ? [SLEEPABLE] : [])];
    case 'lsm':
      return [{ ...since('5.7'), config: 'CONFIG_BPF_LSM' }, KERNEL_BTF, ...(sleepable ? [SLEEPABLE] : [])];
    case 'lsm_cgroup':
      return [{ ...since('6.0'), config: 'CONFIG_BPF_LSM' }, KERNEL_BTF];
    case 'iter':
      return [since('5.8'), KERNEL_BTF];
    case 'freplace':
      return [since('5.6'), KERNEL_BTF];
    case 'struct_ops':
      return [since('5.6'), KERNEL_BTF];
    case 'sk_lookup':
      return [since('5.9')];
    case 'syscall':
      return [since('5.14')];
    case 'tcx':
      return [since('6.6')];
    case 'netkit':
      return [since('6.7')];
    default:
      return [];
  }
}

const SLEEPABLE: Requirement = { feature: 'sleepable programs', linux: '5.10' };

const MAP_TYPES: Readonly<Record<string, string>> = {
  sockhash: '4.18',
  xskmap: '4.18',
  cgroup_storage: '4.19',
  reuseport_sockarray: '4.19',
  percpu_cgroup_storage: '4.20',
  queue: '4.20',
  stack: '4.20',
  sk_storage: '5.2',
  devmap_hash: '5.4',
  struct_ops: '5.6',
  ringbuf: '5.8',
  inode_storage: '5.10',
  task_storage: '5.11',
  bloom_filter: '5.16',
  user_ringbuf: '6.1',
  cgrp_storage: '6.2',
  arena: '6.9',
};

/** Helpers by number (`enum bpf_func_id` of include/uapi/linux/bpf.h), with the release that brought them. */
const HELPERS: Readonly<Record<number, readonly [name: string, linux: string]>> = {
  67: ['get_stack', '4.18'],
  80: ['get_current_cgroup_id', '4.18'],
  81: ['get_local_storage', '4.19'],
  87: ['map_push_elem', '4.20'],
  88: ['map_pop_elem', '4.20'],
  89: ['map_peek_elem', '4.20'],
  93: ['spin_lock', '5.1'],
  94: ['spin_unlock', '5.1'],
  96: ['tcp_sock', '5.1'],
  105: ['strtol', '5.2'],
  106: ['strtoul', '5.2'],
  107: ['sk_storage_get', '5.2'],
  108: ['sk_storage_delete', '5.2'],
  109: ['send_signal', '5.3'],
  111: ['skb_output', '5.5'],
  112: ['probe_read_user', '5.5'],
  113: ['probe_read_kernel', '5.5'],
  114: ['probe_read_user_str', '5.5'],
  115: ['probe_read_kernel_str', '5.5'],
  116: ['tcp_send_ack', '5.5'],
  117: ['send_signal_thread', '5.6'],
  118: ['jiffies64', '5.6'],
  119: ['read_branch_records', '5.6'],
  120: ['get_ns_current_pid_tgid', '5.7'],
  121: ['xdp_output', '5.7'],
  122: ['get_netns_cookie', '5.7'],
  123: ['get_current_ancestor_cgroup_id', '5.7'],
  124: ['sk_assign', '5.7'],
  125: ['ktime_get_boot_ns', '5.8'],
  126: ['seq_printf', '5.7'],
  127: ['seq_write', '5.7'],
  130: ['ringbuf_output', '5.8'],
  131: ['ringbuf_reserve', '5.8'],
  132: ['ringbuf_submit', '5.8'],
  133: ['ringbuf_discard', '5.8'],
  134: ['ringbuf_query', '5.8'],
  136: ['skc_to_tcp6_sock', '5.9'],
  137: ['skc_to_tcp_sock', '5.9'],
  140: ['skc_to_udp6_sock', '5.9'],
  141: ['get_task_stack', '5.9'],
  145: ['inode_storage_get', '5.10'],
  146: ['inode_storage_delete', '5.10'],
  147: ['d_path', '5.10'],
  148: ['copy_from_user', '5.10'],
  149: ['snprintf_btf', '5.10'],
  152: ['redirect_neigh', '5.10'],
  153: ['per_cpu_ptr', '5.10'],
  154: ['this_cpu_ptr', '5.10'],
  155: ['redirect_peer', '5.10'],
  156: ['task_storage_get', '5.11'],
  157: ['task_storage_delete', '5.11'],
  158: ['get_current_task_btf', '5.11'],
  160: ['ktime_get_coarse_ns', '5.11'],
  161: ['ima_inode_hash', '5.11'],
  162: ['sock_from_file', '5.11'],
  163: ['check_mtu', '5.12'],
  164: ['for_each_map_elem', '5.13'],
  165: ['snprintf', '5.13'],
  166: ['sys_bpf', '5.14'],
  169: ['timer_init', '5.15'],
  173: ['get_func_ip', '5.15'],
  174: ['get_attach_cookie', '5.15'],
  175: ['task_pt_regs', '5.15'],
  176: ['get_branch_snapshot', '5.16'],
  177: ['trace_vprintk', '5.16'],
  178: ['skc_to_unix_sock', '5.16'],
  179: ['kallsyms_lookup_name', '5.16'],
  180: ['find_vma', '5.17'],
  181: ['loop', '5.17'],
  182: ['strncmp', '5.17'],
  183: ['get_func_arg', '5.17'],
  184: ['get_func_ret', '5.17'],
  185: ['get_func_arg_cnt', '5.17'],
  186: ['get_retval', '5.18'],
  187: ['set_retval', '5.18'],
  188: ['xdp_get_buff_len', '5.18'],
  189: ['xdp_load_bytes', '5.18'],
  190: ['xdp_store_bytes', '5.18'],
  191: ['copy_from_user_task', '5.18'],
  194: ['kptr_xchg', '5.19'],
  195: ['map_lookup_percpu_elem', '5.19'],
  196: ['skc_to_mptcp_sock', '5.19'],
  197: ['dynptr_from_mem', '5.19'],
  198: ['ringbuf_reserve_dynptr', '5.19'],
  201: ['dynptr_read', '5.19'],
  202: ['dynptr_write', '5.19'],
  203: ['dynptr_data', '5.19'],
  208: ['ktime_get_tai_ns', '6.1'],
  209: ['user_ringbuf_drain', '6.1'],
  210: ['cgrp_storage_get', '6.2'],
  211: ['cgrp_storage_delete', '6.2'],
};

function ofHelper(id: number): Requirement | undefined {
  const known = HELPERS[id];
  return known && { feature: `helper bpf_${known[0]}`, linux: known[1] };
}

/** `.BTF.ext` (Documentation/bpf/btf.rst) ends its header with offset and length of the CO-RE relocations. */
function hasCoreRelocations(elf: Elf): boolean {
  const data = sectionNamed(elf, '.BTF.ext')?.data;
  if (data === undefined || data.length < 32) return false;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  // Behind the size of a record, which always stands there.
  return view.getUint32(4, true) >= 32 && view.getUint32(28, true) > 4;
}

function order(linux: string | undefined): number {
  if (linux === undefined) return 0;
  const [major, minor] = linux.split('.').map(Number);
  return major! * 1000 + minor!;
}
