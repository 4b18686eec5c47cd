#pragma once

#include <napi.h>

#include <memory>

#include "environment.h"
#include "ring_memory.h"

/**
 * NativeRingReader. The mapping is shared by the handle and the ArrayBuffer that shows it: each may be
 * collected first, and nothing is unmapped that JavaScript can still see.
 */
class RingReader : public Napi::ObjectWrap<RingReader>, private EnvironmentHook {
 public:
  static Napi::Function Define(Napi::Env env);
  /** `createRingReader(fd)` */
  static Napi::Value Create(const Napi::CallbackInfo& info);
  explicit RingReader(const Napi::CallbackInfo& info);

 private:
  Napi::Value Memory(const Napi::CallbackInfo& info);
  Napi::Value Peek(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void OnEnvironmentEnd() override;

  std::shared_ptr<RingMemory> memory_;
  Napi::Reference<Napi::ArrayBuffer> buffer_;
};
