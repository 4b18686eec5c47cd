// Preloaded: a kernel that knows no BPF_MAP_LOOKUP_BATCH (before 5.6; per-CPU arrays before 5.13).
#include <errno.h>

int bpf_map_lookup_batch(void)
{
	errno = EINVAL;
	return -EINVAL;
}
