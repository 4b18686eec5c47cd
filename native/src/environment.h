#pragma once

#include <napi.h>

/** What one environment (main thread or worker) has of this addon. Instance data: gone with the environment. */
struct Environment {
  Napi::FunctionReference object;
  Napi::FunctionReference link;
  Napi::FunctionReference poller;
  Napi::FunctionReference ring_owner;
  Napi::FunctionReference ring_reader;
  Napi::FunctionReference map_reader;

  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
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
