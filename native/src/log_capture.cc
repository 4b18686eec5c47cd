#include "log_capture.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace {

constexpr size_t kMaxLog = 64 * 1024;
constexpr size_t kMaxMessage = 8 * 1024;
constexpr char kPrefix[] = "libbpf: ";

thread_local LogCapture* current = nullptr;

int Print(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG || current == nullptr) return 0;
  char message[kMaxMessage];
  int length = vsnprintf(message, sizeof(message), format, arguments);
  if (length <= 0) return 0;
  size_t size = static_cast<size_t>(length) < sizeof(message) ? static_cast<size_t>(length) : sizeof(message) - 1;
  // Said of each ring buffer that names its record type, although all is well.
  if (strstr(message, "Retrying without BTF") != nullptr) return 0;
  const char* start = message;
  if (strncmp(start, kPrefix, sizeof(kPrefix) - 1) == 0) {
    start += sizeof(kPrefix) - 1;
    size -= sizeof(kPrefix) - 1;
  }
  current->Add(start, size);
  return 0;
}

}  // namespace

LogCapture::LogCapture() : outer_(current) { current = this; }

LogCapture::~LogCapture() { current = outer_; }

std::string LogCapture::FirstLine() const { return text_.substr(0, text_.find('\n')); }

void LogCapture::Add(const char* line, size_t length) {
  if (text_.size() + length <= kMaxLog) text_.append(line, length);
}

void LogCapture::Install() { libbpf_set_print(Print); }
