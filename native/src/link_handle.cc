#include "link_handle.h"

Napi::Function LinkHandle::Define(Napi::Env env) {
  return DefineClass(env, "NativeLink", {InstanceMethod<&LinkHandle::Close>("close")});
}

napi_value LinkHandle::Make(napi_env env, Content content) {
  Environment& environment = Environment::Of(env);
  return environment.Make(environment.link, content);
}

LinkHandle::LinkHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<LinkHandle>(info), content_(Environment::Of(info.Env()).Take<Content>(info.Env())) {
  Arm(info.Env());
}

Napi::Value LinkHandle::Close(const Napi::CallbackInfo& info) {
  Disarm();
  Detach();
  return info.Env().Undefined();
}

void LinkHandle::OnEnvironmentEnd() { Detach(); }

void LinkHandle::Detach() {
  Content content = std::move(content_);
  content_ = {};
  if (content.link) content.object->Forget(content.link);
}
