#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "descriptor.h"
#include "environment.h"

/** NativeMapReader. */
class MapReader : public Napi::ObjectWrap<MapReader>, private EnvironmentHook {
 public:
  static Napi::Function Define(Napi::Env env);
  /** `createMapReader(fd)` */
  static Napi::Value Create(const Napi::CallbackInfo& info);
  explicit MapReader(const Napi::CallbackInfo& info);

 private:
  /** Entries read so far, in `buffer_`, up to a limit. */
  struct Filling {
    uint32_t limit;
    uint32_t count = 0;
    bool truncated = false;
  };
  enum class Outcome { kDone, kUnsupported };

  Napi::Value Read(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  void OnEnvironmentEnd() override { fd_.Close(); }

  void Inspect(int fd);
  Outcome ReadInBatches(Napi::Env env, Filling& filling);
  void ReadOneByOne(Napi::Env env, Filling& filling);
  /** False when the limit is reached. */
  bool Put(Napi::Env env, Filling& filling, const uint8_t* key, const uint8_t* value);
  void Reserve(Napi::Env env, const Filling& filling, uint32_t entries);

  Descriptor fd_;
  std::string name_;
  uint32_t type_ = 0;
  uint32_t key_size_ = 0;
  uint32_t value_size_ = 0;
  uint32_t max_entries_ = 0;
  uint32_t values_per_key_ = 1;
  /** Bytes from one CPU's value to the next in what the kernel gives. */
  uint32_t value_step_ = 0;
  uint32_t stride_ = 0;
  bool has_batch_ = true;

  /** The result, reused: belongs to V8, so that it stays valid memory whatever JavaScript does with it. */
  Napi::Reference<Napi::ArrayBuffer> buffer_;
  uint8_t* bytes_ = nullptr;
  uint32_t capacity_ = 0;
  uint32_t batch_ = 0;
  std::vector<uint8_t> keys_;
  std::vector<uint8_t> values_;
};
