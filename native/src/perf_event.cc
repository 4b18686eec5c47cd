#include "perf_event.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "descriptor.h"
#include "failure.h"

namespace {

/** `0-3,6` as numbers. */
std::vector<int> OnlineCpus() {
  std::ifstream file("/sys/devices/system/cpu/online");
  std::vector<int> cpus;
  int first;
  while (file >> first) {
    int last = first;
    if (file.peek() == '-') {
      file.get();
      file >> last;
    }
    for (int cpu = first; cpu <= last; cpu++) cpus.push_back(cpu);
    if (file.peek() == ',') file.get();
  }
  if (cpus.empty()) throw Failure::Errno(ENOENT, "/sys/devices/system/cpu/online cannot be read");
  return cpus;
}

}  // namespace

std::vector<bpf_link*> AttachCpuClock(const bpf_program* program, unsigned frequency) {
  perf_event_attr attributes;
  memset(&attributes, 0, sizeof(attributes));
  attributes.size = sizeof(attributes);
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.freq = 1;
  attributes.sample_freq = frequency;

  std::vector<bpf_link*> links;
  try {
    for (int cpu : OnlineCpus()) {
      Descriptor event(static_cast<int>(
          syscall(SYS_perf_event_open, &attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
      if (event.get() < 0) {
        if (errno == ENODEV) continue;  // went offline meanwhile
        throw Failure::Errno(errno, "perf_event_open on CPU " + std::to_string(cpu) + " failed");
      }
      bpf_link* link = bpf_program__attach_perf_event(program, event.get());
      if (link == nullptr) {
        throw Failure::Errno(errno, "the program cannot be attached to the clock of CPU " + std::to_string(cpu));
      }
      event.Release();  // the link closes it
      links.push_back(link);
    }
  } catch (...) {
    for (bpf_link* link : links) bpf_link__destroy(link);
    throw;
  }
  return links;
}
