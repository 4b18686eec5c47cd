#include "link_handle.h"

Napi::Function LinkHandle::Define(Napi::Env env) {
  return DefineClass(env, "NativeLink", {InstanceMethod<&LinkHandle::Close>("close")});
}

napi_value LinkHandle::Make(napi_env env, Content content) {
  Napi::Value argument = Napi::External<Content>::New(env, &content);
  return Environment::Of(env).link.New({argument});
}

LinkHandle::LinkHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<LinkHandle>(info), content_(std::move(*info[0].As<Napi::External<Content>>().Data())) {
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
