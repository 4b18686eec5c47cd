#include "ring_owner.h"

#include "failure.h"

Napi::Function RingOwner::Define(Napi::Env env) {
  return DefineClass(env, "NativeRingOwner",
                     {
                         InstanceMethod<&RingOwner::Positions>("positions"),
                         InstanceMethod<&RingOwner::Release>("release"),
                         InstanceMethod<&RingOwner::Close>("close"),
                     });
}

Napi::Value RingOwner::Create(const Napi::CallbackInfo& info) {
  double fd = IntegerArgument(info, 0, "fd", 0, 2147483647);
  return Environment::Of(info.Env()).ring_owner.New({Napi::Number::New(info.Env(), fd)});
}

RingOwner::RingOwner(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RingOwner>(info) {
  Napi::Env env = info.Env();
  Guard(env, [&] { memory_.emplace(info[0].As<Napi::Number>().Int32Value(), RingMemory::Side::kOwner); });
  info.This().As<Napi::Object>().DefineProperty(
      Napi::PropertyDescriptor::Value("size", Napi::Number::New(env, memory_->size()), napi_enumerable));
  Arm(env);
}

RingMemory& RingOwner::Memory(Napi::Env env) {
  if (!memory_->mapped()) Guard(env, [] { throw Failure::Closed("the ring's owner"); });
  return *memory_;
}

Napi::Value RingOwner::Positions(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  RingMemory& memory = Memory(env);
  // The consumer's first: it never overtakes the producer, so neither does what is read here.
  auto consumer = static_cast<double>(memory.Consumer());
  auto producer = static_cast<double>(memory.Producer());
  auto result = Napi::Object::New(env);
  result.Set("consumer", consumer);
  result.Set("producer", producer);
  return result;
}

Napi::Value RingOwner::Release(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  RingMemory& memory = Memory(env);
  auto position = static_cast<uint64_t>(IntegerArgument(info, 0, "position", 0, kMaxSafeInteger));
  uint64_t consumer = memory.Consumer();
  uint64_t producer = memory.Producer();
  if (position < consumer || position > producer || position % 8 != 0) {
    Guard(env, [&] {
      throw Failure::Invalid("position " + std::to_string(position) + " cannot be released: the consumer is at " +
                             std::to_string(consumer) + ", the producer at " + std::to_string(producer));
    });
  }
  memory.SetConsumer(position);
  return env.Undefined();
}

Napi::Value RingOwner::Close(const Napi::CallbackInfo& info) {
  Disarm();
  memory_->Unmap();
  return info.Env().Undefined();
}
