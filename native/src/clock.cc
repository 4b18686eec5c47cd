#include "clock.h"

#include <cstdint>
#include <ctime>
#include <limits>

namespace {

constexpr int kSamples = 7;

int64_t Now(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<int64_t>(time.tv_sec) * 1000000000 + time.tv_nsec;
}

/** CLOCK_REALTIME minus `clock`. The pair of readings that lay closest together counts: no interrupt between them. */
int64_t OffsetOf(clockid_t clock) {
  int64_t best = 0;
  int64_t narrowest = std::numeric_limits<int64_t>::max();
  for (int i = 0; i < kSamples; i++) {
    int64_t before = Now(clock);
    int64_t real = Now(CLOCK_REALTIME);
    int64_t after = Now(clock);
    if (after - before < narrowest) {
      narrowest = after - before;
      best = real - (before + (after - before) / 2);
    }
  }
  return best;
}

}  // namespace

Napi::Value ClockOffsets(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto result = Napi::Object::New(env);
  result.Set("ktime", Napi::BigInt::New(env, OffsetOf(CLOCK_MONOTONIC)));
  result.Set("boottime", Napi::BigInt::New(env, OffsetOf(CLOCK_BOOTTIME)));
  return result;
}
