/** Begin and end of a call, by thread: `NOTE` is what is kept of the call until it returns. */
export function callFunctions(parameter: string, member: string, results: string, passed: string): string {
  return `static __always_inline void begin(${parameter})
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct start start;
	__builtin_memset(&start, 0, sizeof(start));
	start.time = bpf_ktime_get_ns();
	start.${member} = ${member};
	bpf_map_update_elem(&starts, &thread, &start, BPF_ANY);
}

static __always_inline void end(${results || 'void'})
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct start *start = bpf_map_lookup_elem(&starts, &thread);
	if (!start)
		return;
	__u64 took = bpf_ktime_get_ns() - start->time;
	if (took >= shortest)
		report(start, ${passed}took);
	bpf_map_delete_elem(&starts, &thread);
}
`;
}
