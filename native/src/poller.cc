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

/** Bytes a second that no ring takes for long: memory is not so fast. */
constexpr int64_t kFastest = int64_t{4} << 30;

/** A nap's looks are so much rarer while little comes, and not rarer than each kCalmLook for its sake. */
constexpr int64_t kCalm = 4;
constexpr int64_t kCalmLook = 8;
/** Share of a ring that fills between two looks when much comes. */
constexpr uint64_t kBurst = 32;

/** How often a napping ring is looked at: so often that a burst finds most of it free, once a millisecond at the most. */
std::chrono::milliseconds NapLook(const RingMemory& ring, bool calm) {
  const int64_t fast = int64_t{ring.size()} * 1000 / kFastest;
  const int64_t look = calm ? std::max(fast, std::min(fast * kCalm, kCalmLook)) : fast;
  return std::chrono::milliseconds(std::max<int64_t>(1, look));
}

uint64_t Unreleased(const RingMemory& ring) {
  // The consumer's first: it never overtakes the producer, so neither does what is read here.
  const uint64_t consumer = ring.Consumer();
  return ring.Producer() - consumer;
}

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
  int patience = -1;
  for (;;) {
    int count = epoll_wait(epoll_.get(), events, kEvents, patience);
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
          continue;
        }
        auto found = watched_.find(static_cast<uint32_t>(events[i].data.u64));
        // The slow look may have been first: epoll was armed still.
        if (found != watched_.end() && found->second.state == State::kArmed) Report(found->first, found->second);
      }
      Look();
      fresh = fresh && !ready_.empty();
      patience = Patience();
    }
    if (fresh) wake_();
  }
}

int Poller::Patience() {
  if (watched_.empty()) return -1;
  auto next = next_look_;
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [id, watched] : watched_) {
    if (watched.state == State::kNapping) next = std::min({next, watched.end, now + NapLook(*watched.ring, watched.calm)});
  }
  auto left = std::chrono::ceil<std::chrono::milliseconds>(next - now);
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

Poller::Watched& Poller::Find(uint32_t id) {
  auto found = watched_.find(id);
  if (found == watched_.end()) throw Failure::Invalid("ring " + std::to_string(id) + " is not watched");
  return found->second;
}

void Poller::Report(uint32_t id, Watched& watched) {
  watched.state = State::kIdle;
  ready_.push_back(id);
}

void Poller::Look() {
  const auto now = std::chrono::steady_clock::now();
  const bool slow = now >= next_look_;
  if (slow) next_look_ = now + interval_;
  for (auto& [id, watched] : watched_) {
    if (watched.state == State::kNapping) {
      const uint64_t unreleased = Unreleased(*watched.ring);
      if (now - watched.seen_at >= NapLook(*watched.ring, false)) {
        watched.calm = unreleased - std::min(watched.seen, unreleased) < watched.ring->size() / kBurst;
        watched.seen = unreleased;
        watched.seen_at = now;
      }
      if (now >= watched.end || unreleased >= watched.fill) Report(id, watched);
    } else if (slow && watched.state == State::kArmed && Unreleased(*watched.ring) > 0) {
      Report(id, watched);
    }
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
  Watched& watched = Find(id);
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLONESHOT;
  event.data.u64 = id;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, watched.ring->fd(), &event) != 0) {
    throw Failure::Errno(errno, "ring " + std::to_string(id) + " cannot be armed");
  }
  watched.state = State::kArmed;
}

void Poller::Nap(uint32_t id, std::chrono::milliseconds longest, uint64_t fill) {
  std::lock_guard lock(mutex_);
  Watched& watched = Find(id);
  watched.state = State::kNapping;
  watched.end = std::chrono::steady_clock::now() + longest;
  watched.fill = fill;
  watched.seen = Unreleased(*watched.ring);
  watched.seen_at = std::chrono::steady_clock::now();
  Nudge();
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
