#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <napi.h>

#include <cerrno>
#include <memory>

#include "btf_dump.h"
#include "clock.h"
#include "environment.h"
#include "failure.h"
#include "link_handle.h"
#include "log_capture.h"
#include "map_reader.h"
#include "object_handle.h"
#include "poller_handle.h"
#include "ring_owner.h"
#include "ring_reader.h"

namespace {

Napi::Value LibbpfVersion(const Napi::CallbackInfo& info) {
  const char* version = libbpf_version_string();
  return Napi::String::New(info.Env(), version[0] == 'v' ? version + 1 : version);
}

/** BPF_OBJ_PIN: `fd` of a map or program, `path` in a BPF file system. */
void Pin(const Napi::CallbackInfo& info) {
  Guard(info.Env(), [&] {
    int fd = info[0].As<Napi::Number>();
    std::string path = info[1].As<Napi::String>();
    if (bpf_obj_pin(fd, path.c_str()) != 0) throw Failure::Errno(errno, "pinning to " + path);
  });
}

/** Once for every environment that requires the addon. */
Napi::Object Init(Napi::Env env, Napi::Object exports) {
  LogCapture::Install();
  // A worker that is terminated meanwhile throws out of any of these.
  auto environment = std::make_unique<Environment>();
  environment->object = Napi::Persistent(ObjectHandle::Define(env));
  environment->link = Napi::Persistent(LinkHandle::Define(env));
  environment->poller = Napi::Persistent(PollerHandle::Define(env));
  environment->ring_owner = Napi::Persistent(RingOwner::Define(env));
  environment->ring_reader = Napi::Persistent(RingReader::Define(env));
  environment->map_reader = Napi::Persistent(MapReader::Define(env));
  env.SetInstanceData(environment.get());
  environment.release();

  exports.Set("libbpfVersion", Napi::Function::New<LibbpfVersion>(env));
  exports.Set("openObject", Napi::Function::New<ObjectHandle::Open>(env));
  exports.Set("clockOffsets", Napi::Function::New<ClockOffsets>(env));
  exports.Set("dumpBtfHeader", Napi::Function::New<DumpBtfHeader>(env));
  exports.Set("pin", Napi::Function::New<Pin>(env));
  exports.Set("createPoller", Napi::Function::New<PollerHandle::Create>(env));
  exports.Set("createRingOwner", Napi::Function::New<RingOwner::Create>(env));
  exports.Set("createRingReader", Napi::Function::New<RingReader::Create>(env));
  exports.Set("createMapReader", Napi::Function::New<MapReader::Create>(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(bee, Init)
