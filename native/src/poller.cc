#include "poller.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "failure.h"

namespace {

constexpr uint64_t kStop = UINT64_MAX;
constexpr int kEvents = 64;

}  // namespace

Poller::Poller(std::function<void()> wake)
    : wake_(std::move(wake)), epoll_(epoll_create1(EPOLL_CLOEXEC)), stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (epoll_.get() < 0 || stop_.get() < 0) throw Failure::Errno(errno, "epoll is not to be had");
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kStop;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, stop_.get(), &event) != 0) throw Failure::Errno(errno, "epoll_ctl failed");
  // Signals are node's business: none is to be delivered to this thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { Loop(); });
  } catch (const std::system_error& error) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw Failure::Errno(error.code().value(), "the poller's thread cannot be started");
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Poller::Loop() {
  pthread_setname_np(pthread_self(), "bee-poller");
  epoll_event events[kEvents];
  for (;;) {
    int count = epoll_wait(epoll_.get(), events, kEvents, -1);
    if (count < 0 && errno != EINTR) return;
    bool was_empty = false;
    {
      std::lock_guard lock(mutex_);
      was_empty = ready_.empty();
      for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == kStop) return;
        auto id = static_cast<uint32_t>(events[i].data.u64);
        if (watched_.count(id) != 0) ready_.push_back(id);
      }
      if (ready_.empty()) was_empty = false;
    }
    if (was_empty) wake_();
  }
}

void Poller::Add(uint32_t id, int fd) {
  Descriptor own = Descriptor::Duplicate(fd);
  std::lock_guard lock(mutex_);
  if (watched_.count(id) != 0) throw Failure::Invalid("ring " + std::to_string(id) + " is watched already");
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, own.get(), &event) != 0) {
    throw Failure::Errno(errno, "ring " + std::to_string(id) + " cannot be watched");
  }
  watched_.emplace(id, std::move(own));
}

void Poller::Arm(uint32_t id) {
  std::lock_guard lock(mutex_);
  auto found = watched_.find(id);
  if (found == watched_.end()) throw Failure::Invalid("ring " + std::to_string(id) + " is not watched");
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, found->second.get(), &event) != 0) {
    throw Failure::Errno(errno, "ring " + std::to_string(id) + " cannot be armed");
  }
}

void Poller::Remove(uint32_t id) {
  std::lock_guard lock(mutex_);
  auto found = watched_.find(id);
  if (found == watched_.end()) return;
  // Explicitly: the epoll entry lives as long as any duplicate of the ring's file, a worker's for instance.
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.get(), nullptr);
  watched_.erase(found);
  ready_.erase(std::remove(ready_.begin(), ready_.end(), id), ready_.end());
}

std::vector<uint32_t> Poller::Take() {
  std::lock_guard lock(mutex_);
  return std::exchange(ready_, {});
}

void Poller::Stop() {
  if (thread_.joinable()) {
    eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  std::lock_guard lock(mutex_);
  watched_.clear();
  ready_.clear();
}
