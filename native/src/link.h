#pragma once

#include <bpf/libbpf.h>

#include <mutex>
#include <vector>

/** A program's attachment: one bpf_link, or one for each CPU. Detached once, by whoever comes first. */
class Link {
 public:
  explicit Link(std::vector<bpf_link*> links) : links_(std::move(links)) {}
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { Detach(); }

  /** Any thread. */
  void Detach();

 private:
  std::mutex mutex_;
  std::vector<bpf_link*> links_;
};
