#pragma once

#include <napi.h>

#include <memory>

#include "environment.h"
#include "object.h"

/** NativeLink. Dropping the last reference to it does not detach: the object keeps its links. */
class LinkHandle : public Napi::ObjectWrap<LinkHandle>, private EnvironmentHook {
 public:
  struct Content {
    std::shared_ptr<BpfObject> object;
    std::shared_ptr<Link> link;
  };

  static Napi::Function Define(Napi::Env env);
  /** nullptr when the environment can run no JavaScript any more. */
  static napi_value Make(napi_env env, Content content);
  explicit LinkHandle(const Napi::CallbackInfo& info);

 private:
  Napi::Value Close(const Napi::CallbackInfo& info);
  void OnEnvironmentEnd() override;
  void Detach();

  Content content_;
};
