#pragma once

#include <cstddef>
#include <cstdint>

#include "descriptor.h"

/**
 * The memory of a BPF ring buffer, as the kernel lays it out for mmap:
 *
 *   page 0            consumer position (u64), written by the consumer
 *   page 1            producer position (u64), written by the kernel
 *   then `size` bytes of data, and the same pages once more, so that no record wraps
 */
class RingMemory {
 public:
  enum class Side {
    /** Consumer page, writable, and producer page. */
    kOwner,
    /** Producer page and data, read-only. */
    kReader,
    /** Consumer and producer page, read-only. */
    kWatcher,
  };

  /** Throws Failure when `fd` is no ring buffer. Duplicates it. */
  RingMemory(int fd, Side side);
  RingMemory(const RingMemory&) = delete;
  RingMemory& operator=(const RingMemory&) = delete;
  ~RingMemory() { Unmap(); }

  uint32_t size() const { return size_; }
  uint64_t Producer() const { return __atomic_load_n(producer_, __ATOMIC_ACQUIRE); }
  /** Owner and watcher only. */
  uint64_t Consumer() const { return __atomic_load_n(consumer_, __ATOMIC_ACQUIRE); }
  /** Owner only. */
  void SetConsumer(uint64_t position) { __atomic_store_n(consumer_, position, __ATOMIC_RELEASE); }
  /** Reader only: 2 × size bytes. */
  uint8_t* data() const { return data_; }

  int fd() const { return fd_.get(); }
  bool mapped() const { return producer_ != nullptr; }
  void Unmap();

 private:
  Descriptor fd_;
  uint32_t size_ = 0;
  size_t page_ = 0;
  uint64_t* consumer_ = nullptr;
  uint64_t* producer_ = nullptr;
  uint8_t* data_ = nullptr;
};
