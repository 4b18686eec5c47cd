/** `tracepoint/sched/sched_switch` → `tracepoint`. */
export function sectionKind(section: string): string {
  return section.split(/[/+]/, 1)[0]!.replace(/\.s$/, '');
}

/** What stands behind the kind: `sched/sched_switch`. */
export function sectionTarget(section: string): string {
  return section.slice(sectionKind(section).length).replace(/^(\.s)?\//, '');
}

export function isTracepoint(section: string): boolean {
  const kind = sectionKind(section);
  return kind === 'tracepoint' || kind === 'tp';
}

export function isKprobe(section: string): boolean {
  return /^k(ret)?(probe|syscall)(\.multi|\.session)?$/.test(sectionKind(section));
}

export function isTrampoline(section: string): boolean {
  return /^(fentry|fexit|fmod_ret|lsm)$/.test(sectionKind(section));
}

/**
 * Why a program cannot be attached by what its section says, from bytes alone; undefined where it can. Such programs need
 * an interface, a cgroup, a socket or a map to hang on; uprobe, usdt and kprobe without a target are attached by hand in
 * other tools. `?` in front keeps libbpf from loading it.
 */
export function unattachable(section: string): string | undefined {
  if (section.startsWith('?')) return 'its section begins with "?": it is not to be loaded';
  const kind = sectionKind(section);
  const isNowhere =
    /^(xdp(\.frags)?|tc|tcx|netkit|classifier|action|socket|cgroup.*|sockops|sk_.*|flow_dissector|lwt_.*|lirc_mode2|struct_ops(\.link)?|freplace|syscall)$/.test(
      kind,
    ) ||
    (/^(u(ret)?probe|usdt|k(ret)?probe)$/.test(kind) && sectionTarget(section) === '');
  return isNowhere ? `nothing in section ${section} says what to attach it to` : undefined;
}
