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

constexpr uint64_t kNudge = UINT64_MAX;
constexpr int kEvents = 64;

}  // namespace

Poller::Poller(std::chrono::milliseconds interval, std::function<void()> wake)
    : interval_(interval),
      wake_(std::move(wake)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      nudge_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (epoll_.get() < 0 || nudge_.get() < 0) throw Failure::Errno(errno, "epoll is not to be had");
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kNudge;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, nudge_.get(), &event) != 0) throw Failure::Errno(errno, "epoll_ctl failed");
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
    int count = epoll_wait(epoll_.get(), events, kEvents, Patience());
    if (count < 0 && errno != EINTR) return;
    bool fresh = false;
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
      fresh = ready_.empty();
      for (int i = 0; i < count; i++) {
        if (events[i].data.u64 == kNudge) {
          eventfd_t ignored;
          eventfd_read(nudge_.get(), &ignored);
        } else {
          Report(static_cast<uint32_t>(events[i].data.u64));
        }
      }
      if (std::chrono::steady_clock::now() >= next_look_) Look();
      fresh = fresh && !ready_.empty();
    }
    if (fresh) wake_();
  }
}

int Poller::Patience() {
  std::lock_guard lock(mutex_);
  if (watched_.empty()) return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(next_look_ - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

void Poller::Report(uint32_t id) {
  auto found = watched_.find(id);
  // The slow look may have been first: epoll was armed still.
  if (found == watched_.end() || !found->second.armed) return;
  found->second.armed = false;
  ready_.push_back(id);
}

void Poller::Look() {
  next_look_ = std::chrono::steady_clock::now() + interval_;
  for (const auto& [id, watched] : watched_) {
    if (watched.armed && watched.ring->Consumer() != watched.ring->Producer()) Report(id);
  }
}

void Poller::Nudge() { eventfd_write(nudge_.get(), 1); }

void Poller::Add(uint32_t id, int fd) {
  auto ring = std::make_unique<RingMemory>(fd, RingMemory::Side::kWatcher);
  std::lock_guard lock(mutex_);
  if (watched_.count(id) != 0) throw Failure::Invalid("ring " + std::to_string(id) + " is watched already");
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, ring->fd(), &event) != 0) {
    throw Failure::Errno(errno, "ring " + std::to_string(id) + " cannot be watched");
  }
  if (watched_.empty()) {
    next_look_ = std::chrono::steady_clock::now() + interval_;
    Nudge();
  }
  watched_.emplace(id, Watched{std::move(ring)});
}

void Poller::Arm(uint32_t id) {
  std::lock_guard lock(mutex_);
  auto found = watched_.find(id);
  if (found == watched_.end()) throw Failure::Invalid("ring " + std::to_string(id) + " is not watched");
  found->second.armed = true;
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, found->second.ring->fd(), &event) != 0) {
    throw Failure::Errno(errno, "ring " + std::to_string(id) + " cannot be armed");
  }
}

void Poller::Remove(uint32_t id) {
  std::lock_guard lock(mutex_);
  auto found = watched_.find(id);
  if (found == watched_.end()) return;
  // Explicitly: the epoll entry lives as long as any duplicate of the ring's file, a worker's for instance.
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, found->second.ring->fd(), nullptr);
  watched_.erase(found);
  ready_.erase(std::remove(ready_.begin(), ready_.end(), id), ready_.end());
}

std::vector<uint32_t> Poller::Take() {
  std::lock_guard lock(mutex_);
  return std::exchange(ready_, {});
}

void Poller::Stop() {
  if (thread_.joinable()) {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    Nudge();
    thread_.join();
  }
  std::lock_guard lock(mutex_);
  watched_.clear();
  ready_.clear();
}
