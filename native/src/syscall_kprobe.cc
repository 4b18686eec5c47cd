#include "syscall_kprobe.h"

#include <cerrno>
#include <string>

namespace {

/** SYSCALL_WRAPPER of arch/…/include/asm/syscall_wrapper.h. */
#if defined(__x86_64__)
constexpr char kPrefix[] = "__x64_";
#elif defined(__aarch64__)
constexpr char kPrefix[] = "__arm64_";
#elif defined(__s390x__)
constexpr char kPrefix[] = "__s390x_";
#elif defined(__riscv)
constexpr char kPrefix[] = "__riscv_";
#else
constexpr char kPrefix[] = "";
#endif

}  // namespace

bpf_link* AttachSyscallKprobe(const bpf_program* program) {
  const std::string section = bpf_program__section_name(program);
  const size_t slash = section.find('/');
  const bool returns = section.compare(0, slash, "kretprobe") == 0;
  const bool named = returns || section.compare(0, slash, "kprobe") == 0;
  if (slash == std::string::npos || !named || section.compare(slash + 1, 4, "sys_") != 0) {
    errno = ENOENT;
    return nullptr;
  }
  return bpf_program__attach_kprobe(program, returns, (kPrefix + section.substr(slash + 1)).c_str());
}
