#include "object.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "failure.h"
#include "log_capture.h"
#include "perf_event.h"
#include "syscall_kprobe.h"

namespace {

/** More than the verifier says of any program that a person can read; older kernels fail with ENOSPC beyond. */
constexpr size_t kVerifierLogSize = 16 * 1024 * 1024;
/** What is kept of it: its end, which says why. */
constexpr size_t kVerifierLogKept = 1024 * 1024;

/** Address space for the verifier's log: costs memory only where the kernel writes, which it does on failure. */
class VerifierLog {
 public:
  VerifierLog() {
    void* memory = mmap(nullptr, kVerifierLogSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                        -1, 0);
    if (memory != MAP_FAILED) memory_ = static_cast<char*>(memory);
  }
  ~VerifierLog() {
    if (memory_ != nullptr) munmap(memory_, kVerifierLogSize);
  }
  VerifierLog(const VerifierLog&) = delete;
  VerifierLog& operator=(const VerifierLog&) = delete;

  void GiveTo(bpf_object* object) {
    bpf_program* program;
    if (memory_ == nullptr) return;
    bpf_object__for_each_program(program, object) bpf_program__set_log_buf(program, memory_, kVerifierLogSize);
  }
  void TakeFrom(bpf_object* object) {
    bpf_program* program;
    bpf_object__for_each_program(program, object) bpf_program__set_log_buf(program, nullptr, 0);
  }
  std::string Text() const {
    if (memory_ == nullptr) return {};
    size_t length = strnlen(memory_, kVerifierLogSize);
    size_t start = length > kVerifierLogKept ? length - kVerifierLogKept : 0;
    return std::string(memory_ + start, length - start);
  }

 private:
  char* memory_ = nullptr;
};

Failure WithLog(Failure failure, const LogCapture& log) {
  if (std::string first = log.FirstLine(); !first.empty()) failure.message += ": " + first;
  failure.log = log.text();
  return failure;
}

/** libbpf calls global data `<object>.rodata`, the name cut to 15 bytes; users know the section. */
std::string MapName(const bpf_map* map) {
  std::string name = bpf_map__name(map);
  if (!bpf_map__is_internal(map)) return name;
  for (const char* section : {".rodata", ".bss", ".data", ".kconfig"}) {
    size_t length = strlen(section);
    if (name.size() > length && name.compare(name.size() - length, length, section) == 0) return section;
  }
  return name;
}

const char* ProgramType(const bpf_program* program) {
  const char* name = libbpf_bpf_prog_type_str(bpf_program__type(program));
  return name == nullptr ? "unknown" : name;
}

}  // namespace

std::shared_ptr<BpfObject> BpfObject::Open(const uint8_t* bytes, size_t size, const std::string& name) {
  // libbpf may read in the bytes for as long as `open` lasts, and wants them aligned.
  std::vector<uint8_t> copy(bytes, bytes + size);
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name.c_str());
  LogCapture log;
  bpf_object* object = bpf_object__open_mem(copy.data(), copy.size(), &options);
  if (object == nullptr) throw WithLog(Failure::Errno(errno, name + " is no BPF object that libbpf can open"), log);
  return std::shared_ptr<BpfObject>(new BpfObject(object, name));
}

BpfObject::BpfObject(bpf_object* object, const std::string& name) : name_(name), object_(object) {
  ReadPrograms();
  ReadMaps();
}

BpfObject::~BpfObject() { TearDown(); }

void BpfObject::ReadPrograms() {
  programs_.clear();
  bpf_program* program;
  bpf_object__for_each_program(program, object_) {
    programs_.push_back({bpf_program__name(program), bpf_program__section_name(program), ProgramType(program),
                         bpf_program__autoload(program)});
  }
}

void BpfObject::ReadMaps() {
  maps_.clear();
  bpf_map* map;
  bpf_object__for_each_map(map, object_) {
    maps_.push_back({MapName(map), static_cast<uint32_t>(bpf_map__type(map)), bpf_map__key_size(map),
                     bpf_map__value_size(map), bpf_map__max_entries(map), bpf_map__map_flags(map),
                     bpf_map__is_internal(map), bpf_map__is_pinned(map)});
  }
}

std::vector<BpfObject::Program> BpfObject::Programs() const {
  std::lock_guard lock(mutex_);
  CheckOpen();
  return programs_;
}

std::vector<BpfObject::Map> BpfObject::Maps() const {
  std::lock_guard lock(mutex_);
  CheckOpen();
  return maps_;
}

void BpfObject::SetInitialValue(const std::string& section, size_t offset, const uint8_t* bytes, size_t size) {
  std::lock_guard lock(mutex_);
  CheckChangeable();
  size_t length = 0;
  auto* value = static_cast<uint8_t*>(const_cast<void*>(
      static_cast<const void*>(bpf_map__initial_value(FindMap(section), &length))));
  if (value == nullptr) throw Failure::Invalid("map " + section + " has no initial value");
  if (offset > length || size > length - offset) {
    throw Failure::Invalid("bytes " + std::to_string(offset) + " to " + std::to_string(offset + size) +
                           " lie outside " + section + ", which has " + std::to_string(length));
  }
  memcpy(value + offset, bytes, size);
}

void BpfObject::SetMaxEntries(const std::string& map, uint32_t entries) {
  std::lock_guard lock(mutex_);
  CheckChangeable();
  int error = bpf_map__set_max_entries(FindMap(map), entries);
  if (error != 0) throw Failure::Errno(-error, "max_entries of map " + map + " cannot be set");
  ReadMaps();
}

void BpfObject::SetAutoload(const std::string& program, bool on) {
  std::lock_guard lock(mutex_);
  CheckChangeable();
  int error = bpf_program__set_autoload(FindProgram(program), on);
  if (error != 0) throw Failure::Errno(-error, "autoload of program " + program + " cannot be set");
  ReadPrograms();
}

void BpfObject::SetPinPath(const std::string& map, const std::string& path) {
  std::lock_guard lock(mutex_);
  CheckChangeable();
  int error = bpf_map__set_pin_path(FindMap(map), path.c_str());
  if (error != 0) throw Failure::Errno(-error, "map " + map + " cannot be pinned to " + path);
}

BpfObject::Use BpfObject::Enter() {
  std::lock_guard lock(mutex_);
  CheckOpen();
  return EnterLocked();
}

BpfObject::Use BpfObject::EnterLoad() {
  std::lock_guard lock(mutex_);
  CheckChangeable();
  state_ = State::kLoading;
  return EnterLocked();
}

BpfObject::Use BpfObject::EnterLocked() {
  uses_++;
  auto self = shared_from_this();
  return Use(this, [self](void*) { self->Leave(); });
}

void BpfObject::Leave() {
  bool last;
  {
    std::lock_guard lock(mutex_);
    last = --uses_ == 0 && closed_;
  }
  if (last) TearDown();
}

void BpfObject::Close() {
  bool idle;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    idle = uses_ == 0;
  }
  if (idle) TearDown();
}

void BpfObject::TearDown() {
  std::vector<std::shared_ptr<Link>> links;
  bpf_object* object;
  {
    std::lock_guard lock(mutex_);
    links.swap(links_);
    object = object_;
    object_ = nullptr;
  }
  for (const auto& link : links) link->Detach();
  LogCapture silent;
  bpf_object__close(object);
}

void BpfObject::Load() {
  std::lock_guard work(work_);
  {
    std::lock_guard lock(mutex_);
    CheckOpen();
  }
  // A ring buffer has no value, and __type(value, …) only says what its records are; the kernel would refuse it.
  bpf_map* map;
  bpf_object__for_each_map(map, object_) {
    uint32_t type = bpf_map__type(map);
    if (type == BPF_MAP_TYPE_RINGBUF || type == BPF_MAP_TYPE_USER_RINGBUF) {
      bpf_map__set_key_size(map, 0);
      bpf_map__set_value_size(map, 0);
    }
  }
  LogCapture log;
  VerifierLog verifier_log;
  verifier_log.GiveTo(object_);
  int error = bpf_object__load(object_);
  verifier_log.TakeFrom(object_);

  std::lock_guard lock(mutex_);
  if (error != 0) {
    state_ = State::kFailed;
    Failure failure = WithLog(Failure::Errno(-error, name_ + " cannot be loaded"), log);
    failure.verifier_log = verifier_log.Text();
    throw failure;
  }
  state_ = State::kLoaded;
  ReadMaps();
  CheckOpen();
}

std::shared_ptr<Link> BpfObject::Attach(const std::string& name) {
  std::lock_guard work(work_);
  bpf_program* program;
  {
    std::lock_guard lock(mutex_);
    CheckLoaded();
    program = FindProgram(name);
  }
  LogCapture log;
  bpf_link* link = bpf_program__attach(program);
  if (link == nullptr && errno == ENOENT) link = AttachSyscallKprobe(program);
  if (link == nullptr) throw WithLog(Failure::Errno(errno, "program " + name + " cannot be attached"), log);
  return Keep({link});
}

std::shared_ptr<Link> BpfObject::AttachPerfEvent(const std::string& name, unsigned frequency) {
  std::lock_guard work(work_);
  bpf_program* program;
  {
    std::lock_guard lock(mutex_);
    CheckLoaded();
    program = FindProgram(name);
    if (bpf_program__type(program) != BPF_PROG_TYPE_PERF_EVENT) {
      throw Failure::Invalid("program " + name + " is no perf_event program");
    }
  }
  LogCapture log;
  try {
    return Keep(AttachCpuClock(program, frequency));
  } catch (const Failure& failure) {
    throw WithLog(failure, log);
  }
}

std::shared_ptr<Link> BpfObject::Keep(std::vector<bpf_link*> links) {
  auto link = std::make_shared<Link>(std::move(links));
  std::lock_guard lock(mutex_);
  CheckOpen();
  links_.push_back(link);
  return link;
}

void BpfObject::Forget(const std::shared_ptr<Link>& link) {
  {
    std::lock_guard lock(mutex_);
    links_.erase(std::remove(links_.begin(), links_.end(), link), links_.end());
  }
  link->Detach();
}

BpfObject::TestRun BpfObject::Run(int program_fd, const std::vector<uint8_t>& data, int repeat) {
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = data.empty() ? nullptr : data.data(),
              .data_size_in = static_cast<__u32>(data.size()), .repeat = repeat);
  int error = bpf_prog_test_run_opts(program_fd, &options);
  if (error != 0) throw Failure::Errno(errno, "test run failed");
  return {options.retval, options.duration};
}

int BpfObject::ProgramFd(const std::string& name) const {
  std::lock_guard lock(mutex_);
  CheckLoaded();
  int fd = bpf_program__fd(FindProgram(name));
  if (fd < 0) throw Failure::Invalid("program " + name + " was not loaded");
  return fd;
}

int BpfObject::MapFd(const std::string& name) const {
  std::lock_guard lock(mutex_);
  CheckLoaded();
  int fd = bpf_map__fd(FindMap(name));
  if (fd < 0) throw Failure::Invalid("map " + name + " was not created");
  return fd;
}

void BpfObject::CheckOpen() const {
  if (closed_) throw Failure::Closed("object " + name_);
}

void BpfObject::CheckChangeable() const {
  CheckOpen();
  if (state_ == State::kLoading) throw Failure::Invalid("object " + name_ + " is being loaded");
  if (state_ == State::kFailed) throw Failure::Invalid("object " + name_ + " failed to load: open it anew");
  if (state_ == State::kLoaded) throw Failure::Invalid("object " + name_ + " is loaded already");
}

void BpfObject::CheckLoaded() const {
  CheckOpen();
  if (state_ != State::kLoaded) throw Failure::Invalid("object " + name_ + " is not loaded");
}

bpf_program* BpfObject::FindProgram(const std::string& name) const {
  bpf_program* program = bpf_object__find_program_by_name(object_, name.c_str());
  if (program == nullptr) throw Failure::Invalid("object " + name_ + " has no program " + name);
  return program;
}

bpf_map* BpfObject::FindMap(const std::string& name) const {
  bpf_map* map;
  bpf_object__for_each_map(map, object_) {
    if (name == bpf_map__name(map) || name == MapName(map)) return map;
  }
  throw Failure::Invalid("object " + name_ + " has no map " + name);
}
