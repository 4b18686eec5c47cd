#include "poller_handle.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "failure.h"

namespace {

constexpr double kMaxU32 = 4294967295.0;
/** A day, ms. */
constexpr double kMaxInterval = 86400000.0;

}  // namespace

Napi::Function PollerHandle::Define(Napi::Env env) {
  return DefineClass(env, "NativePoller",
                     {
                         InstanceMethod<&PollerHandle::Add>("add"),
                         InstanceMethod<&PollerHandle::Arm>("arm"),
                         InstanceMethod<&PollerHandle::Nap>("nap"),
                         InstanceMethod<&PollerHandle::Remove>("remove"),
                         InstanceMethod<&PollerHandle::Close>("close"),
                     });
}

Napi::Value PollerHandle::Create(const Napi::CallbackInfo& info) {
  if (info.Length() < 1 || !info[0].IsFunction()) throw Napi::TypeError::New(info.Env(), "onReady must be a function");
  double interval = IntegerOption(info, 1, "interval", 1, kMaxInterval);
  return Environment::Of(info.Env()).poller.New({info[0], Napi::Number::New(info.Env(), interval)});
}

PollerHandle::PollerHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<PollerHandle>(info) {
  Napi::Env env = info.Env();
  auto channel = std::make_unique<Channel>();
  Napi::Value name = Napi::String::New(env, "bee.poller");
  napi_status status = napi_create_threadsafe_function(
      env, info[0], nullptr, name, 0, 1, channel.get(),
      [](napi_env, void* data, void*) { delete static_cast<Channel*>(data); }, channel.get(), Deliver,
      &channel->function);
  NAPI_THROW_IF_FAILED_VOID(env, status);
  napi_unref_threadsafe_function(env, channel->function);
  channel_ = channel.release();
  try {
    Guard(env, [&] {
      std::chrono::milliseconds interval(info[1].As<Napi::Number>().Int64Value());
      channel_->poller = std::make_unique<Poller>(interval, [function = channel_->function] {
        // Refused while the environment ends: there is nobody to tell then.
        napi_call_threadsafe_function(function, nullptr, napi_tsfn_nonblocking);
      });
    });
    // After the thread-safe function's own hook, so run before it: the thread has ended when it is torn down.
    EnvironmentHook::Arm(env);
  } catch (...) {
    Stop();
    throw;
  }
}

void PollerHandle::Deliver(napi_env env, napi_value on_ready, void* data, void*) {
  auto* channel = static_cast<Channel*>(data);
  if (env == nullptr || on_ready == nullptr || !channel->poller) return;
  std::vector<uint32_t> ids = channel->poller->Take();
  if (ids.empty()) return;
  void* memory;
  napi_value buffer, array, receiver, ignored;
  if (napi_create_arraybuffer(env, ids.size() * sizeof(uint32_t), &memory, &buffer) != napi_ok) return;
  memcpy(memory, ids.data(), ids.size() * sizeof(uint32_t));
  if (napi_create_typedarray(env, napi_uint32_array, ids.size(), buffer, 0, &array) != napi_ok) return;
  if (napi_get_undefined(env, &receiver) != napi_ok) return;
  // `channel` may be gone after this: onReady may close the poller.
  if (napi_call_function(env, receiver, on_ready, 1, &array, &ignored) == napi_pending_exception) {
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
}

Poller& PollerHandle::Running(Napi::Env env) {
  if (channel_ == nullptr) Guard(env, [] { throw Failure::Closed("the poller"); });
  return *channel_->poller;
}

Napi::Value PollerHandle::Add(const Napi::CallbackInfo& info) {
  Poller& poller = Running(info.Env());
  auto id = static_cast<uint32_t>(IntegerArgument(info, 0, "id", 0, kMaxU32));
  auto fd = static_cast<int>(IntegerArgument(info, 1, "fd", 0, 2147483647));
  Guard(info.Env(), [&] { poller.Add(id, fd); });
  return info.Env().Undefined();
}

Napi::Value PollerHandle::Arm(const Napi::CallbackInfo& info) {
  Poller& poller = Running(info.Env());
  auto id = static_cast<uint32_t>(IntegerArgument(info, 0, "id", 0, kMaxU32));
  Guard(info.Env(), [&] { poller.Arm(id); });
  return info.Env().Undefined();
}

Napi::Value PollerHandle::Nap(const Napi::CallbackInfo& info) {
  Poller& poller = Running(info.Env());
  auto id = static_cast<uint32_t>(IntegerArgument(info, 0, "id", 0, kMaxU32));
  std::chrono::milliseconds longest(static_cast<int64_t>(IntegerArgument(info, 1, "longest", 1, kMaxInterval)));
  auto fill = static_cast<uint64_t>(IntegerArgument(info, 2, "fill", 1, kMaxSafeInteger));
  Guard(info.Env(), [&] { poller.Nap(id, longest, fill); });
  return info.Env().Undefined();
}

Napi::Value PollerHandle::Remove(const Napi::CallbackInfo& info) {
  Poller& poller = Running(info.Env());
  poller.Remove(static_cast<uint32_t>(IntegerArgument(info, 0, "id", 0, kMaxU32)));
  return info.Env().Undefined();
}

Napi::Value PollerHandle::Close(const Napi::CallbackInfo& info) {
  Disarm();
  Stop();
  return info.Env().Undefined();
}

void PollerHandle::Stop() {
  Channel* channel = std::exchange(channel_, nullptr);
  if (channel == nullptr) return;
  // The thread first, so that nothing calls a function that is going.
  channel->poller.reset();
  napi_release_threadsafe_function(channel->function, napi_tsfn_abort);
}
