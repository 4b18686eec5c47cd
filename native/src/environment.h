#pragma once

#include <napi.h>

#include <string>
#include <utility>

/** What one environment (main thread or worker) has of this addon. Instance data: gone with the environment. */
struct Environment {
  Napi::FunctionReference object;
  Napi::FunctionReference link;
  Napi::FunctionReference poller;
  Napi::FunctionReference ring_owner;
  Napi::FunctionReference ring_reader;
  Napi::FunctionReference map_reader;

  /** `new constructor()`, which finds `content` by `Take`. (An External would do, but node leaks those at a worker's end.) */
  template <typename Content>
  Napi::Object Make(Napi::FunctionReference& constructor, Content& content) {
    content_ = &content;
    try {
      return constructor.New({});
    } catch (...) {
      content_ = nullptr;
      throw;
    }
  }
  /** For constructors. Throws when it was JavaScript that called them. */
  template <typename Content>
  Content Take(Napi::Env env) {
    if (content_ == nullptr) throw Napi::TypeError::New(env, "not to be constructed");
    return std::move(*static_cast<Content*>(std::exchange(content_, nullptr)));
  }

  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

 private:
  void* content_ = nullptr;
};

/**
 * A handle that must be closed before its environment goes. Hooks run last in, first out, so what was made
 * later (links, readers) closes before what it was made from.
 */
class EnvironmentHook {
 public:
  EnvironmentHook() = default;
  EnvironmentHook(const EnvironmentHook&) = delete;
  EnvironmentHook& operator=(const EnvironmentHook&) = delete;
  virtual ~EnvironmentHook() { Disarm(); }

 protected:
  void Arm(napi_env env);
  void Disarm();
  /** The environment ends: let go of everything; no JavaScript can be run any more. */
  virtual void OnEnvironmentEnd() = 0;

 private:
  static void Run(void* self);
  napi_env env_ = nullptr;
};

/** The argument at `index` as bytes of a typed array, DataView or ArrayBuffer; throws a TypeError otherwise. */
struct ByteSpan {
  const uint8_t* data;
  size_t size;
  static ByteSpan Argument(const Napi::CallbackInfo& info, size_t index);
};

/** Argument checks that throw a TypeError naming what was expected. */
std::string StringArgument(const Napi::CallbackInfo& info, size_t index, const char* name);
double IntegerArgument(const Napi::CallbackInfo& info, size_t index, const char* name, double min, double max);
double IntegerOption(const Napi::CallbackInfo& info, size_t index, const char* name, double min, double max);

constexpr double kMaxSafeInteger = 9007199254740991.0;
