#pragma once

#include <string>

/**
 * Collects what libbpf prints on this thread while it lives. libbpf has one print callback for the whole
 * process: it finds the capture of its thread through a thread-local, and is silent where there is none.
 */
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  const std::string& text() const { return text_; }
  /** First line, without its end: where libbpf says what happened, before it says what follows from that. */
  std::string FirstLine() const;
  void Add(const char* line, size_t length);

  /** Once a process; harmless when repeated. */
  static void Install();

 private:
  std::string text_;
  LogCapture* outer_;
};
