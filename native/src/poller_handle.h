#pragma once

#include <napi.h>

#include <memory>

#include "environment.h"
#include "poller.h"

/** NativePoller: a Poller and the thread-safe function by which it reaches its environment. */
class PollerHandle : public Napi::ObjectWrap<PollerHandle>, private EnvironmentHook {
 public:
  static Napi::Function Define(Napi::Env env);
  /** `createPoller(onReady, { interval })` */
  static Napi::Value Create(const Napi::CallbackInfo& info);
  explicit PollerHandle(const Napi::CallbackInfo& info);
  ~PollerHandle() override { Stop(); }

 private:
  Napi::Value Add(const Napi::CallbackInfo& info);
  Napi::Value Arm(const Napi::CallbackInfo& info);
  Napi::Value Nap(const Napi::CallbackInfo& info);
  Napi::Value Remove(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void OnEnvironmentEnd() override { Stop(); }
  void Stop();
  Poller& Running(Napi::Env env);

  /** Lives until the thread-safe function is finalized, which may be later than this handle. */
  struct Channel {
    std::unique_ptr<Poller> poller;
    napi_threadsafe_function function = nullptr;
  };
  static void Deliver(napi_env env, napi_value on_ready, void* channel, void*);

  Channel* channel_ = nullptr;
};
