#pragma once

#include <napi.h>

#include <optional>

#include "environment.h"
#include "ring_memory.h"

/** NativeRingOwner. */
class RingOwner : public Napi::ObjectWrap<RingOwner>, private EnvironmentHook {
 public:
  static Napi::Function Define(Napi::Env env);
  /** `createRingOwner(fd)` */
  static Napi::Value Create(const Napi::CallbackInfo& info);
  explicit RingOwner(const Napi::CallbackInfo& info);

 private:
  Napi::Value Positions(const Napi::CallbackInfo& info);
  Napi::Value Release(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void OnEnvironmentEnd() override { memory_->Unmap(); }
  RingMemory& Memory(Napi::Env env);

  std::optional<RingMemory> memory_;
};
