#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "descriptor.h"

/**
 * A thread in epoll_wait over rings, each armed for one report. It collects the ids of readable rings and calls
 * `wake` when the collection was empty; `Take` empties it. Knows nothing of JavaScript.
 */
class Poller {
 public:
  /** `wake` is called on the poller's thread, and never after `Stop` returned. */
  explicit Poller(std::function<void()> wake);
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller() { Stop(); }

  void Add(uint32_t id, int fd);
  void Arm(uint32_t id);
  /** `Take` does not give `id` any more. */
  void Remove(uint32_t id);
  std::vector<uint32_t> Take();
  /** Ends the thread. Idempotent; not from the poller's own thread. */
  void Stop();

 private:
  void Loop();

  std::function<void()> wake_;
  Descriptor epoll_;
  Descriptor stop_;
  std::thread thread_;
  std::mutex mutex_;
  /** Our own duplicates: removing from epoll stays right whatever became of the caller's descriptor. */
  std::unordered_map<uint32_t, Descriptor> watched_;
  std::vector<uint32_t> ready_;
};
