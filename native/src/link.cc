#include "link.h"

void Link::Detach() {
  std::lock_guard lock(mutex_);
  for (bpf_link* link : links_) bpf_link__destroy(link);
  links_.clear();
}
