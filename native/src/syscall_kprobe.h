#pragma once

#include <bpf/libbpf.h>

/**
 * Attach a program of `kprobe/sys_…` or `kretprobe/sys_…` to the function that the kernel has for that system call:
 * since 4.17, `sys_openat` is `__x64_sys_openat`. BumbleBee's loader finds it so, libbpf does not. Null, with errno,
 * where the section says something else or there is no such function.
 */
bpf_link* AttachSyscallKprobe(const bpf_program* program);
