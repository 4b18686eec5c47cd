#include "map_reader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unordered_set>

#include "failure.h"

namespace {

constexpr int kENOTSUPP = 524;
/** Bytes of keys and values asked for in one system call. */
constexpr uint32_t kBatchBytes = 1024 * 1024;
constexpr uint32_t kMinBatch = 64;
constexpr int kMaxInterruptions = 16;

uint32_t Padded(uint32_t size) { return (size + 7) & ~7u; }

bool IsPerCpu(uint32_t type) {
  return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

bool IsReadable(uint32_t type) {
  switch (type) {
    case BPF_MAP_TYPE_HASH:
    case BPF_MAP_TYPE_ARRAY:
    case BPF_MAP_TYPE_PERCPU_HASH:
    case BPF_MAP_TYPE_PERCPU_ARRAY:
    case BPF_MAP_TYPE_LRU_HASH:
    case BPF_MAP_TYPE_LRU_PERCPU_HASH:
    case BPF_MAP_TYPE_LPM_TRIE:
      return true;
    default:
      return false;
  }
}

}  // namespace

Napi::Function MapReader::Define(Napi::Env env) {
  return DefineClass(env, "NativeMapReader",
                     {
                         InstanceMethod<&MapReader::Read>("read"),
                         InstanceMethod<&MapReader::Close>("close"),
                     });
}

Napi::Value MapReader::Create(const Napi::CallbackInfo& info) {
  double fd = IntegerArgument(info, 0, "fd", 0, 2147483647);
  return Environment::Of(info.Env()).map_reader.New({Napi::Number::New(info.Env(), fd)});
}

MapReader::MapReader(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MapReader>(info) {
  Napi::Env env = info.Env();
  Guard(env, [&] { Inspect(info[0].As<Napi::Number>().Int32Value()); });
  auto self = info.This().As<Napi::Object>();
  auto define = [&](const char* name, uint32_t value) {
    self.DefineProperty(Napi::PropertyDescriptor::Value(name, Napi::Number::New(env, value), napi_enumerable));
  };
  define("type", type_);
  define("keySize", key_size_);
  define("valueSize", value_size_);
  define("maxEntries", max_entries_);
  define("valuesPerKey", values_per_key_);
  define("stride", stride_);
  Arm(env);
}

void MapReader::Inspect(int fd) {
  fd_ = Descriptor::Duplicate(fd);
  bpf_map_info info = {};
  uint32_t length = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd_.get(), &info, &length) != 0) {
    throw Failure::Errno(errno, "descriptor " + std::to_string(fd) + " is no BPF map");
  }
  name_ = info.name;
  if (!IsReadable(info.type)) {
    throw Failure::Invalid("map " + name_ + " of type " + std::to_string(info.type) + " cannot be read as entries");
  }
  type_ = info.type;
  key_size_ = info.key_size;
  value_size_ = info.value_size;
  max_entries_ = info.max_entries;
  if (IsPerCpu(type_)) {
    int cpus = libbpf_num_possible_cpus();
    if (cpus < 1) throw Failure::Errno(-cpus, "the number of possible CPUs is unknown");
    values_per_key_ = static_cast<uint32_t>(cpus);
  }
  value_step_ = IsPerCpu(type_) ? Padded(value_size_) : value_size_;
  stride_ = Padded(key_size_) + values_per_key_ * Padded(value_size_);
  uint32_t fitting = kBatchBytes / (key_size_ + values_per_key_ * value_step_);
  batch_ = std::max(1u, std::min(max_entries_, std::max(kMinBatch, fitting)));
}

Napi::Value MapReader::Read(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (fd_.get() < 0) Guard(env, [] { throw Failure::Closed("the map reader"); });
  Filling filling{static_cast<uint32_t>(IntegerOption(info, 0, "maxEntries", 0, 4294967295.0))};
  // JavaScript may have moved or detached the buffer since.
  if (!buffer_.IsEmpty()) {
    auto buffer = buffer_.Value();
    if (buffer.IsDetached()) capacity_ = 0;
    bytes_ = capacity_ == 0 ? nullptr : static_cast<uint8_t*>(buffer.Data());
  }
  Guard(env, [&] {
    Reserve(env, filling, 1);
    if (has_batch_ && ReadInBatches(env, filling) == Outcome::kUnsupported) has_batch_ = false;
    if (!has_batch_) ReadOneByOne(env, filling);
  });
  auto result = Napi::Object::New(env);
  result.Set("bytes", buffer_.Value());
  result.Set("count", filling.count);
  result.Set("truncated", Napi::Boolean::New(env, filling.truncated));
  return result;
}

MapReader::Outcome MapReader::ReadInBatches(Napi::Env env, Filling& filling) {
  // Where the next batch begins: a bucket's number or a key, by the type of map.
  std::vector<uint8_t> in(std::max<size_t>(key_size_, 8)), out(in.size());
  bool first = true;
  int interruptions = 0;
  for (;;) {
    keys_.resize(size_t{batch_} * key_size_);
    values_.resize(size_t{batch_} * values_per_key_ * value_step_);
    uint32_t count = batch_;
    LIBBPF_OPTS(bpf_map_batch_opts, options);
    errno = 0;
    int status = bpf_map_lookup_batch(fd_.get(), first ? nullptr : in.data(), out.data(), keys_.data(), values_.data(),
                                      &count, &options);
    int error = status == 0 ? 0 : errno;
    if (error == ENOSPC && batch_ < max_entries_) {
      // One bucket holds more than a batch: ask for it again with more room.
      batch_ = batch_ > max_entries_ / 2 ? max_entries_ : batch_ * 2;
      continue;
    }
    if (error == EINTR && ++interruptions <= kMaxInterruptions && (count == 0 || count == batch_)) {
      // Keys vanished faster than the kernel could walk; nothing was given.
      continue;
    }
    if (first && (error == EOPNOTSUPP || error == kENOTSUPP || error == EINVAL)) return Outcome::kUnsupported;
    if (error != 0 && error != ENOENT && error != EINTR) {
      throw Failure::Errno(error, "the entries of map " + name_ + " cannot be read");
    }
    if (count > batch_) throw Failure::Errno(EBADMSG, "the kernel gave more entries of map " + name_ + " than fit");
    for (uint32_t i = 0; i < count; i++) {
      if (!Put(env, filling, &keys_[size_t{i} * key_size_], &values_[size_t{i} * values_per_key_ * value_step_])) {
        return Outcome::kDone;
      }
    }
    if (error == ENOENT) return Outcome::kDone;
    in.swap(out);
    first = false;
  }
}

void MapReader::ReadOneByOne(Napi::Env env, Filling& filling) {
  filling.count = 0;
  filling.truncated = false;
  std::vector<uint8_t> value(size_t{values_per_key_} * value_step_);
  std::string key(key_size_, '\0'), next(key_size_, '\0');
  // A key that is deleted under us sends the walk back to the start: what was seen is not taken twice, and a
  // map that changes without end does not hold us for ever.
  std::unordered_set<std::string> seen;
  bool first = true;
  for (uint64_t steps = 0; steps <= 2 * uint64_t{max_entries_} + 16; steps++) {
    if (bpf_map_get_next_key(fd_.get(), first ? nullptr : key.data(), next.data()) != 0) {
      if (errno == ENOENT) return;
      throw Failure::Errno(errno, "the keys of map " + name_ + " cannot be read");
    }
    first = false;
    key.swap(next);
    if (!seen.insert(key).second) continue;
    if (bpf_map_lookup_elem(fd_.get(), key.data(), value.data()) != 0) {
      if (errno == ENOENT) continue;  // vanished meanwhile
      throw Failure::Errno(errno, "an entry of map " + name_ + " cannot be read");
    }
    if (!Put(env, filling, reinterpret_cast<const uint8_t*>(key.data()), value.data())) return;
  }
}

bool MapReader::Put(Napi::Env env, Filling& filling, const uint8_t* key, const uint8_t* value) {
  if (filling.count >= filling.limit) {
    filling.truncated = true;
    return false;
  }
  Reserve(env, filling, filling.count + 1);
  uint8_t* entry = bytes_ + size_t{filling.count} * stride_;
  const uint32_t key_room = Padded(key_size_);
  const uint32_t value_room = Padded(value_size_);
  memcpy(entry, key, key_size_);
  memset(entry + key_size_, 0, key_room - key_size_);
  for (uint32_t i = 0; i < values_per_key_; i++) {
    uint8_t* slot = entry + key_room + size_t{i} * value_room;
    memcpy(slot, value + size_t{i} * value_step_, value_size_);
    memset(slot + value_size_, 0, value_room - value_size_);
  }
  filling.count++;
  return true;
}

void MapReader::Reserve(Napi::Env env, const Filling& filling, uint32_t entries) {
  if (entries <= capacity_) return;
  uint64_t wanted = std::max<uint64_t>(entries, uint64_t{capacity_} * 2);
  wanted = std::max<uint64_t>(std::min<uint64_t>(std::max<uint64_t>(wanted, 256), max_entries_), entries);
  auto buffer = Napi::ArrayBuffer::New(env, static_cast<size_t>(wanted) * stride_);
  auto* bytes = static_cast<uint8_t*>(buffer.Data());
  if (filling.count > 0) memcpy(bytes, bytes_, size_t{filling.count} * stride_);
  buffer_ = Napi::Persistent(buffer);
  bytes_ = bytes;
  capacity_ = static_cast<uint32_t>(wanted);
}

Napi::Value MapReader::Close(const Napi::CallbackInfo& info) {
  Disarm();
  fd_.Close();
  buffer_.Reset();
  capacity_ = 0;
  bytes_ = nullptr;
  keys_ = {};
  values_ = {};
  return info.Env().Undefined();
}
