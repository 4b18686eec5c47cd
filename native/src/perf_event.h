#pragma once

#include <bpf/libbpf.h>

#include <vector>

/** Attach to a software CPU clock of `frequency` Hz on every online CPU. All or nothing; throws Failure. */
std::vector<bpf_link*> AttachCpuClock(const bpf_program* program, unsigned frequency);
