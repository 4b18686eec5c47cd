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

/** Programs that need an interface, a cgroup, a socket or a map to hang on: nothing in their section says which. */
export function needsTarget(section: string, type: string): boolean {
  if (
    /^(sched_cls|sched_act|xdp|socket_filter|cgroup_.*|sock_ops|sk_.*|flow_dissector|lwt_.*|lirc_mode2|struct_ops|ext|syscall)$/.test(
      type,
    )
  ) {
    return true;
  }
  // uprobe, usdt and kprobe without a target are attached by hand in other tools.
  return /^(u(ret)?probe|usdt|k(ret)?probe)$/.test(sectionKind(section)) && sectionTarget(section) === '';
}
