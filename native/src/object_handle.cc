#include "object_handle.h"

#include "failure.h"
#include "link_handle.h"
#include "task.h"

namespace {

constexpr double kMaxU32 = 4294967295.0;

/** A promise that is rejected, for failures that are known before anything was begun. */
template <typename Body>
Napi::Value Promised(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Failure& failure) {
    auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(failure.ToValue(env));
    return deferred.Promise();
  }
}

Napi::Value Attaching(Napi::Env env, std::shared_ptr<BpfObject> object,
                      std::function<std::shared_ptr<Link>(BpfObject&)> attach) {
  return Promised(env, [&] {
    auto link = std::make_shared<std::shared_ptr<Link>>();
    return Task::Start(
        env, "bee.attach", [use = object->Enter(), object, attach, link] { *link = attach(*object); },
        [object, link](napi_env done_env) { return LinkHandle::Make(done_env, {object, *link}); });
  });
}

}  // namespace

Napi::Function ObjectHandle::Define(Napi::Env env) {
  return DefineClass(env, "NativeObject",
                     {
                         InstanceMethod<&ObjectHandle::Programs>("programs"),
                         InstanceMethod<&ObjectHandle::Maps>("maps"),
                         InstanceMethod<&ObjectHandle::SetInitialValue>("setInitialValue"),
                         InstanceMethod<&ObjectHandle::SetMaxEntries>("setMaxEntries"),
                         InstanceMethod<&ObjectHandle::SetAutoload>("setAutoload"),
                         InstanceMethod<&ObjectHandle::SetPinPath>("setPinPath"),
                         InstanceMethod<&ObjectHandle::Load>("load"),
                         InstanceMethod<&ObjectHandle::Attach>("attach"),
                         InstanceMethod<&ObjectHandle::AttachPerfEvent>("attachPerfEvent"),
                         InstanceMethod<&ObjectHandle::ProgramFd>("programFd"),
                         InstanceMethod<&ObjectHandle::MapFd>("mapFd"),
                         InstanceMethod<&ObjectHandle::TestRun>("testRun"),
                         InstanceMethod<&ObjectHandle::Close>("close"),
                     });
}

Napi::Value ObjectHandle::Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  ByteSpan bytes = ByteSpan::Argument(info, 0);
  if (info.Length() < 2 || !info[1].IsObject() || !info[1].As<Napi::Object>().Get("name").IsString()) {
    throw Napi::TypeError::New(env, "options.name must be a string");
  }
  std::string name = info[1].As<Napi::Object>().Get("name").As<Napi::String>().Utf8Value();
  auto object = Guard(env, [&] { return BpfObject::Open(bytes.data, bytes.size, name); });
  Environment& environment = Environment::Of(env);
  return environment.Make(environment.object, object);
}

ObjectHandle::ObjectHandle(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<ObjectHandle>(info),
      object_(Environment::Of(info.Env()).Take<std::shared_ptr<BpfObject>>(info.Env())) {
  Arm(info.Env());
}

Napi::Value ObjectHandle::Programs(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto programs = Guard(env, [&] { return object_->Programs(); });
  auto list = Napi::Array::New(env, programs.size());
  for (uint32_t i = 0; i < programs.size(); i++) {
    auto entry = Napi::Object::New(env);
    entry.Set("name", programs[i].name);
    entry.Set("section", programs[i].section);
    entry.Set("type", programs[i].type);
    entry.Set("autoload", Napi::Boolean::New(env, programs[i].autoload));
    list.Set(i, entry);
  }
  return list;
}

Napi::Value ObjectHandle::Maps(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto maps = Guard(env, [&] { return object_->Maps(); });
  auto list = Napi::Array::New(env, maps.size());
  for (uint32_t i = 0; i < maps.size(); i++) {
    auto entry = Napi::Object::New(env);
    entry.Set("name", maps[i].name);
    entry.Set("type", maps[i].type);
    entry.Set("keySize", maps[i].key_size);
    entry.Set("valueSize", maps[i].value_size);
    entry.Set("maxEntries", maps[i].max_entries);
    entry.Set("flags", maps[i].flags);
    entry.Set("internal", Napi::Boolean::New(env, maps[i].internal));
    entry.Set("pinned", Napi::Boolean::New(env, maps[i].pinned));
    list.Set(i, entry);
  }
  return list;
}

Napi::Value ObjectHandle::SetInitialValue(const Napi::CallbackInfo& info) {
  std::string section = StringArgument(info, 0, "section");
  double offset = IntegerArgument(info, 1, "offset", 0, kMaxU32);
  ByteSpan bytes = ByteSpan::Argument(info, 2);
  Guard(info.Env(), [&] { object_->SetInitialValue(section, static_cast<size_t>(offset), bytes.data, bytes.size); });
  return info.Env().Undefined();
}

Napi::Value ObjectHandle::SetMaxEntries(const Napi::CallbackInfo& info) {
  std::string map = StringArgument(info, 0, "map");
  double entries = IntegerArgument(info, 1, "entries", 1, kMaxU32);
  Guard(info.Env(), [&] { object_->SetMaxEntries(map, static_cast<uint32_t>(entries)); });
  return info.Env().Undefined();
}

Napi::Value ObjectHandle::SetAutoload(const Napi::CallbackInfo& info) {
  std::string program = StringArgument(info, 0, "program");
  bool on = info[1].ToBoolean();
  Guard(info.Env(), [&] { object_->SetAutoload(program, on); });
  return info.Env().Undefined();
}

Napi::Value ObjectHandle::SetPinPath(const Napi::CallbackInfo& info) {
  std::string map = StringArgument(info, 0, "map");
  std::string path = StringArgument(info, 1, "path");
  Guard(info.Env(), [&] { object_->SetPinPath(map, path); });
  return info.Env().Undefined();
}

Napi::Value ObjectHandle::Load(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return Promised(env, [&] {
    return Task::Start(
        env, "bee.load", [use = object_->EnterLoad(), object = object_] { object->Load(); },
        [](napi_env done_env) -> napi_value { return Napi::Env(done_env).Undefined(); });
  });
}

Napi::Value ObjectHandle::Attach(const Napi::CallbackInfo& info) {
  std::string program = StringArgument(info, 0, "program");
  return Attaching(info.Env(), object_, [program](BpfObject& object) { return object.Attach(program); });
}

Napi::Value ObjectHandle::AttachPerfEvent(const Napi::CallbackInfo& info) {
  std::string program = StringArgument(info, 0, "program");
  auto frequency = static_cast<unsigned>(IntegerOption(info, 1, "frequency", 1, 1000000));
  return Attaching(info.Env(), object_,
                   [program, frequency](BpfObject& object) { return object.AttachPerfEvent(program, frequency); });
}

Napi::Value ObjectHandle::ProgramFd(const Napi::CallbackInfo& info) {
  std::string name = StringArgument(info, 0, "program");
  return Napi::Number::New(info.Env(), Guard(info.Env(), [&] { return object_->ProgramFd(name); }));
}

Napi::Value ObjectHandle::MapFd(const Napi::CallbackInfo& info) {
  std::string name = StringArgument(info, 0, "map");
  return Napi::Number::New(info.Env(), Guard(info.Env(), [&] { return object_->MapFd(name); }));
}

Napi::Value ObjectHandle::TestRun(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::string program = StringArgument(info, 0, "program");
  auto repeat = static_cast<int>(IntegerOption(info, 1, "repeat", 1, 2147483647));
  Napi::Value data_option = info[1].As<Napi::Object>().Get("data");
  if (!data_option.IsTypedArray()) throw Napi::TypeError::New(env, "data must be a Uint8Array");
  auto view = data_option.As<Napi::TypedArray>();
  const auto* start = static_cast<const uint8_t*>(view.ArrayBuffer().Data()) + view.ByteOffset();
  std::vector<uint8_t> data(start, start + view.ByteLength());

  return Promised(env, [&] {
    auto result = std::make_shared<BpfObject::TestRun>();
    int fd = object_->ProgramFd(program);
    return Task::Start(
        env, "bee.testRun",
        [use = object_->Enter(), object = object_, fd, data = std::move(data), repeat, result] {
          *result = object->Run(fd, data, repeat);
        },
        [result](napi_env done_env) -> napi_value {
          auto value = Napi::Object::New(done_env);
          value.Set("retval", result->retval);
          value.Set("durationNs", result->duration_ns);
          return value;
        });
  });
}

Napi::Value ObjectHandle::Close(const Napi::CallbackInfo& info) {
  Disarm();
  object_->Close();
  return info.Env().Undefined();
}

void ObjectHandle::OnEnvironmentEnd() { object_->Close(); }
