#include "ring_memory.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include <cerrno>

namespace {

void* Map(int fd, size_t length, int protection, size_t offset, const char* what) {
  void* memory = mmap(nullptr, length, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (memory == MAP_FAILED) throw Failure::Errno(errno, std::string(what) + " of the ring buffer cannot be mapped");
  return memory;
}

}  // namespace

RingMemory::RingMemory(int fd, Side side)
    : fd_(Descriptor::Duplicate(fd)), page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
  bpf_map_info info = {};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd_.get(), &info, &length) != 0) {
    throw Failure::Errno(errno, "descriptor " + std::to_string(fd) + " is no BPF map");
  }
  if (info.type != BPF_MAP_TYPE_RINGBUF) {
    throw Failure::Invalid("map " + std::string(info.name) + " is no ring buffer");
  }
  size_ = info.max_entries;
  if (side != Side::kReader) {
    const int protection = side == Side::kOwner ? PROT_READ | PROT_WRITE : PROT_READ;
    consumer_ = static_cast<uint64_t*>(Map(fd_.get(), page_, protection, 0, "the consumer page"));
    try {
      producer_ = static_cast<uint64_t*>(Map(fd_.get(), page_, PROT_READ, page_, "the producer page"));
    } catch (...) {
      munmap(consumer_, page_);
      throw;
    }
  } else {
    producer_ = static_cast<uint64_t*>(Map(fd_.get(), page_ + 2 * size_t{size_}, PROT_READ, page_, "the data"));
    data_ = reinterpret_cast<uint8_t*>(producer_) + page_;
  }
}

void RingMemory::Unmap() {
  if (consumer_ != nullptr) munmap(consumer_, page_);
  if (producer_ != nullptr) munmap(producer_, data_ != nullptr ? page_ + 2 * size_t{size_} : page_);
  consumer_ = producer_ = nullptr;
  data_ = nullptr;
  fd_.Close();
}
