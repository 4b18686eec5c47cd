#pragma once

#include <napi.h>

#include <memory>

#include "environment.h"
#include "object.h"

/** NativeObject. */
class ObjectHandle : public Napi::ObjectWrap<ObjectHandle>, private EnvironmentHook {
 public:
  static Napi::Function Define(Napi::Env env);
  /** `openObject(bytes, {name})` */
  static Napi::Value Open(const Napi::CallbackInfo& info);
  explicit ObjectHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value Programs(const Napi::CallbackInfo& info);
  Napi::Value Maps(const Napi::CallbackInfo& info);
  Napi::Value SetInitialValue(const Napi::CallbackInfo& info);
  Napi::Value SetMaxEntries(const Napi::CallbackInfo& info);
  Napi::Value SetAutoload(const Napi::CallbackInfo& info);
  Napi::Value SetPinPath(const Napi::CallbackInfo& info);
  Napi::Value Load(const Napi::CallbackInfo& info);
  Napi::Value Attach(const Napi::CallbackInfo& info);
  Napi::Value AttachPerfEvent(const Napi::CallbackInfo& info);
  Napi::Value ProgramFd(const Napi::CallbackInfo& info);
  Napi::Value MapFd(const Napi::CallbackInfo& info);
  Napi::Value TestRun(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void OnEnvironmentEnd() override;

  std::shared_ptr<BpfObject> object_;
};
