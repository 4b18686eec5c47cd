#pragma once

#include <napi.h>

#include <functional>
#include <optional>

#include "failure.h"

/**
 * Work on libuv's thread pool behind a promise. `run` may throw a Failure; it is destroyed on the pool's thread
 * as soon as it ended, so what it holds is let go there. `done` makes the promise's value on the environment's
 * thread. When the environment ends in the meantime, node waits for `run`, and nobody hears of the outcome.
 */
class Task {
 public:
  using Run = std::function<void()>;
  using Done = std::function<napi_value(napi_env)>;

  static Napi::Value Start(Napi::Env env, const char* name, Run run, Done done);

 private:
  static void Execute(napi_env env, void* data);
  static void Complete(napi_env env, napi_status status, void* data);
  void Settle(napi_env env, napi_status status);

  Run run_;
  Done done_;
  std::optional<Failure> failure_;
  napi_deferred deferred_ = nullptr;
  napi_async_work work_ = nullptr;
};
