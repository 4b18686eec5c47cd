#include "environment.h"

#include <cmath>
#include <utility>

void EnvironmentHook::Arm(napi_env env) {
  if (napi_add_env_cleanup_hook(env, Run, this) != napi_ok) {
    throw Napi::Error::New(env, "the environment takes no clean-up hook any more");
  }
  env_ = env;
}

void EnvironmentHook::Disarm() {
  if (env_ != nullptr) napi_remove_env_cleanup_hook(std::exchange(env_, nullptr), Run, this);
}

void EnvironmentHook::Run(void* data) {
  auto* self = static_cast<EnvironmentHook*>(data);
  self->env_ = nullptr;
  self->OnEnvironmentEnd();
}

ByteSpan ByteSpan::Argument(const Napi::CallbackInfo& info, size_t index) {
  Napi::Value value = index < info.Length() ? info[index] : info.Env().Undefined();
  if (value.IsTypedArray() || value.IsDataView()) {
    bool typed = value.IsTypedArray();
    Napi::ArrayBuffer buffer =
        typed ? value.As<Napi::TypedArray>().ArrayBuffer() : value.As<Napi::DataView>().ArrayBuffer();
    size_t offset = typed ? value.As<Napi::TypedArray>().ByteOffset() : value.As<Napi::DataView>().ByteOffset();
    size_t size = typed ? value.As<Napi::TypedArray>().ByteLength() : value.As<Napi::DataView>().ByteLength();
    return {static_cast<const uint8_t*>(buffer.Data()) + offset, size};
  }
  if (value.IsArrayBuffer()) {
    auto buffer = value.As<Napi::ArrayBuffer>();
    return {static_cast<const uint8_t*>(buffer.Data()), buffer.ByteLength()};
  }
  throw Napi::TypeError::New(info.Env(), "bytes must be a Uint8Array");
}

std::string StringArgument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (index >= info.Length() || !info[index].IsString()) {
    throw Napi::TypeError::New(info.Env(), std::string(name) + " must be a string");
  }
  return info[index].As<Napi::String>().Utf8Value();
}

static double CheckInteger(Napi::Env env, Napi::Value value, const char* name, double min, double max) {
  double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(number >= min && number <= max) || number != std::floor(number)) {
    throw Napi::TypeError::New(env, std::string(name) + " must be an integer from " +
                                        std::to_string(static_cast<long long>(min)) + " to " +
                                        std::to_string(static_cast<long long>(max)));
  }
  return number;
}

double IntegerArgument(const Napi::CallbackInfo& info, size_t index, const char* name, double min, double max) {
  return CheckInteger(info.Env(), index < info.Length() ? info[index] : info.Env().Undefined(), name, min, max);
}

double IntegerOption(const Napi::CallbackInfo& info, size_t index, const char* name, double min, double max) {
  if (index >= info.Length() || !info[index].IsObject()) {
    throw Napi::TypeError::New(info.Env(), "options must be an object");
  }
  return CheckInteger(info.Env(), info[index].As<Napi::Object>().Get(name), name, min, max);
}
