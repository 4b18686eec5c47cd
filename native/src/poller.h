#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "descriptor.h"
#include "ring_memory.h"

/**
 * A thread in epoll_wait over rings, each armed for one report. It collects the ids of readable rings and calls
 * `wake` when the collection was empty; `Take` empties it. Every `interval` it also looks at the positions of all
 * armed rings, for records that were submitted without a wake-up: nothing but this thread wakes for that. Knows
 * nothing of JavaScript.
 */
class Poller {
 public:
  /** `wake` is called on the poller's thread, and never after `Stop` returned. */
  Poller(std::chrono::milliseconds interval, std::function<void()> wake);
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller() { Stop(); }

  /** Throws Failure when `fd` is no ring buffer. Duplicates it. */
  void Add(uint32_t id, int fd);
  void Arm(uint32_t id);
  /** Report `id` when it has `fill` unreleased bytes, or when `longest` has passed. Ends at a report, or by `Arm`. */
  void Nap(uint32_t id, std::chrono::milliseconds longest, uint64_t fill);
  /** `Take` does not give `id` any more. */
  void Remove(uint32_t id);
  std::vector<uint32_t> Take();
  /** Ends the thread. Idempotent; not from the poller's own thread. */
  void Stop();

 private:
  enum class State {
    /** Reported: not watched until `Arm` or `Nap`. */
    kIdle,
    kArmed,
    kNapping,
  };

  struct Watched {
    /** With a duplicate of our own: removing from epoll stays right whatever became of the caller's descriptor. */
    std::unique_ptr<RingMemory> ring;
    State state = State::kArmed;
    /** Of a nap. */
    std::chrono::steady_clock::time_point end;
    uint64_t fill = 0;
    /** Unreleased bytes at the last look, when that was, and whether few had come since the one before. */
    uint64_t seen = 0;
    std::chrono::steady_clock::time_point seen_at;
    bool calm = false;
  };

  void Loop();
  /** The following with the mutex held. ms until the next look; -1 while there is nothing to look at. */
  int Patience();
  Watched& Find(uint32_t id);
  void Report(uint32_t id, Watched& watched);
  void Look();
  void Nudge();

  const std::chrono::milliseconds interval_;
  std::function<void()> wake_;
  Descriptor epoll_;
  /** An eventfd that ends epoll_wait: the thread is to stop, or has its first ring. */
  Descriptor nudge_;
  std::thread thread_;
  std::mutex mutex_;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point next_look_;
  std::unordered_map<uint32_t, Watched> watched_;
  std::vector<uint32_t> ready_;
};
