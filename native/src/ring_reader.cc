#include "ring_reader.h"

#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>

#include "failure.h"

namespace {

/** What the walk found; RingPeek in the contract. */
struct Walk {
  uint32_t count = 0;
  uint32_t discarded = 0;
  uint32_t shortest = UINT32_MAX;
  uint64_t next = 0;
  uint64_t producer = 0;
  bool busy = false;
};

Walk WalkRecords(const RingMemory& memory, uint64_t from, uint32_t* offsets, uint32_t* lengths, size_t capacity,
                 uint64_t max_bytes) {
  Walk walk;
  walk.next = from;
  walk.producer = memory.Producer();
  if (from % 8 != 0 || from > walk.producer || walk.producer - from > memory.size()) {
    throw Failure::Invalid("no record begins at position " + std::to_string(from) + ": the producer is at " +
                           std::to_string(walk.producer) + " and the ring has " + std::to_string(memory.size()) +
                           " bytes");
  }
  const uint64_t mask = memory.size() - 1;
  while (walk.next < walk.producer && walk.count < capacity) {
    const uint64_t start = walk.next & mask;
    const uint32_t header =
        __atomic_load_n(reinterpret_cast<const uint32_t*>(memory.data() + start), __ATOMIC_ACQUIRE);
    if ((header & BPF_RINGBUF_BUSY_BIT) != 0) {
      walk.busy = true;
      break;
    }
    const uint32_t length = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    const uint64_t whole = (uint64_t{length} + BPF_RINGBUF_HDR_SZ + 7) & ~uint64_t{7};
    // The length is read from shared memory: it must not lead outside what was produced.
    if (whole > walk.producer - walk.next) {
      throw Failure::Errno(EBADMSG, "the record at position " + std::to_string(walk.next) + " claims " +
                                        std::to_string(length) + " bytes, more than were produced");
    }
    if (walk.next + whole - from > max_bytes && walk.next != from) break;
    if ((header & BPF_RINGBUF_DISCARD_BIT) != 0) {
      walk.discarded++;
    } else {
      offsets[walk.count] = static_cast<uint32_t>(start + BPF_RINGBUF_HDR_SZ);
      lengths[walk.count] = length;
      walk.shortest = std::min(walk.shortest, length);
      walk.count++;
    }
    walk.next += whole;
  }
  return walk;
}

/** A Uint32Array argument, without the cost of a wrapper: this is the hot path. */
struct Table {
  uint32_t* data = nullptr;
  size_t length = 0;

  Table(napi_env env, napi_value value, const char* name) {
    napi_typedarray_type type;
    void* start = nullptr;
    if (napi_get_typedarray_info(env, value, &type, &length, &start, nullptr, nullptr) != napi_ok ||
        type != napi_uint32_array) {
      throw Napi::TypeError::New(env, std::string(name) + " must be a Uint32Array");
    }
    data = static_cast<uint32_t*>(start);
  }
};

void SetNumber(napi_env env, napi_value object, const char* name, double number) {
  napi_value value;
  if (napi_create_double(env, number, &value) == napi_ok) napi_set_named_property(env, object, name, value);
}

}  // namespace

Napi::Function RingReader::Define(Napi::Env env) {
  return DefineClass(env, "NativeRingReader",
                     {
                         InstanceAccessor<&RingReader::Memory>("memory"),
                         InstanceMethod<&RingReader::Peek>("peek"),
                         InstanceMethod<&RingReader::Close>("close"),
                     });
}

Napi::Value RingReader::Create(const Napi::CallbackInfo& info) {
  double fd = IntegerArgument(info, 0, "fd", 0, 2147483647);
  return Environment::Of(info.Env()).ring_reader.New({Napi::Number::New(info.Env(), fd)});
}

RingReader::RingReader(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RingReader>(info) {
  Napi::Env env = info.Env();
  memory_ = Guard(env, [&] {
    return std::make_shared<RingMemory>(info[0].As<Napi::Number>().Int32Value(), RingMemory::Side::kReader);
  });
  auto* share = new std::shared_ptr<RingMemory>(memory_);
  napi_value buffer;
  napi_status status = napi_create_external_arraybuffer(
      env, memory_->data(), 2 * size_t{memory_->size()},
      [](napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<RingMemory>*>(hint); }, share, &buffer);
  if (status != napi_ok) {
    delete share;
    throw Napi::Error::New(env, "this node cannot show memory of the kernel as an ArrayBuffer");
  }
  buffer_ = Napi::Persistent(Napi::ArrayBuffer(env, buffer));
  info.This().As<Napi::Object>().DefineProperty(
      Napi::PropertyDescriptor::Value("size", Napi::Number::New(env, memory_->size()), napi_enumerable));
  Arm(env);
}

Napi::Value RingReader::Memory(const Napi::CallbackInfo& info) {
  if (!memory_) Guard(info.Env(), [] { throw Failure::Closed("the ring's reader"); });
  return buffer_.Value();
}

Napi::Value RingReader::Peek(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!memory_) Guard(env, [] { throw Failure::Closed("the ring's reader"); });
  auto from = static_cast<uint64_t>(IntegerArgument(info, 0, "from", 0, kMaxSafeInteger));
  Table offsets(env, info[1], "offsets");
  Table lengths(env, info[2], "lengths");
  auto max_bytes = static_cast<uint64_t>(IntegerArgument(info, 3, "maxBytes", 1, kMaxSafeInteger));

  Walk walk = Guard(env, [&] {
    return WalkRecords(*memory_, from, offsets.data, lengths.data, std::min(offsets.length, lengths.length), max_bytes);
  });
  napi_value result;
  napi_value busy;
  if (napi_create_object(env, &result) != napi_ok) throw Napi::Error::New(env);
  SetNumber(env, result, "count", walk.count);
  SetNumber(env, result, "discarded", walk.discarded);
  SetNumber(env, result, "shortest", walk.shortest);
  SetNumber(env, result, "next", static_cast<double>(walk.next));
  SetNumber(env, result, "producer", static_cast<double>(walk.producer));
  if (napi_get_boolean(env, walk.busy, &busy) == napi_ok) napi_set_named_property(env, result, "busy", busy);
  return Napi::Value(env, result);
}

Napi::Value RingReader::Close(const Napi::CallbackInfo& info) {
  Disarm();
  if (memory_) {
    // Detach first, then unmap at once. A buffer that somebody moved elsewhere keeps its share of the mapping.
    Napi::ArrayBuffer buffer = buffer_.Value();
    if (!buffer.IsDetached()) {
      buffer.Detach();
      memory_->Unmap();
    }
    buffer_.Reset();
    memory_.reset();
  }
  return info.Env().Undefined();
}

void RingReader::OnEnvironmentEnd() {
  // The heap still holds the buffer: node lets go of its share after this.
  memory_.reset();
}
