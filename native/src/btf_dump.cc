#include "btf_dump.h"

#include <bpf/btf.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <string>

#include "environment.h"
#include "failure.h"
#include "log_capture.h"

namespace {

constexpr char kKernelBtf[] = "/sys/kernel/btf/vmlinux";

// The frame that bpftool puts around it: CO-RE relocations for every struct that a program touches.
constexpr char kHead[] =
    "#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\n"
    "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n"
    "#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)\n#endif\n\n";
constexpr char kTail[] =
    "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop\n#endif\n\n#endif /* __VMLINUX_H__ */\n";

void Append(void* context, const char* format, va_list arguments) {
  auto* text = static_cast<std::string*>(context);
  char piece[512];
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(piece, sizeof(piece), format, arguments);
  if (length > 0 && static_cast<size_t>(length) < sizeof(piece)) {
    text->append(piece, static_cast<size_t>(length));
  } else if (length > 0) {
    size_t start = text->size();
    text->resize(start + static_cast<size_t>(length) + 1);
    vsnprintf(&(*text)[start], static_cast<size_t>(length) + 1, format, again);
    text->pop_back();
  }
  va_end(again);
}

std::string Dump(const std::string& path) {
  LogCapture log;
  auto fail = [&](int error, const std::string& what) {
    Failure failure = Failure::Errno(error, what);
    failure.log = log.text();
    return failure;
  };
  std::unique_ptr<btf, decltype(&btf__free)> types(btf__parse(path.c_str(), nullptr), btf__free);
  if (!types) throw fail(errno, "the BTF of " + path + " cannot be read");
  std::string text = kHead;
  std::unique_ptr<btf_dump, decltype(&btf_dump__free)> dump(btf_dump__new(types.get(), Append, &text, nullptr),
                                                            btf_dump__free);
  if (!dump) throw fail(errno, "the BTF of " + path + " cannot be dumped");
  for (uint32_t id = 1, count = btf__type_cnt(types.get()); id < count; id++) {
    int error = btf_dump__dump_type(dump.get(), id);
    if (error != 0) throw fail(-error, "type " + std::to_string(id) + " of " + path + " cannot be dumped");
  }
  return text + kTail;
}

}  // namespace

Napi::Value DumpBtfHeader(const Napi::CallbackInfo& info) {
  bool given = info.Length() > 0 && !info[0].IsUndefined();
  std::string path = given ? StringArgument(info, 0, "path") : kKernelBtf;
  std::string text = Guard(info.Env(), [&] { return Dump(path); });
  return Napi::String::New(info.Env(), text);
}
