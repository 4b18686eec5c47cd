#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "link.h"

/**
 * One libbpf object from open to unload, without JavaScript. Load and attach may run on any thread, one at a
 * time; `Close` may come from another in the middle of it: it then takes effect when that call ends.
 */
class BpfObject : public std::enable_shared_from_this<BpfObject> {
 public:
  struct Program {
    std::string name, section, type;
    bool autoload;
  };
  struct Map {
    std::string name;
    uint32_t type, key_size, value_size, max_entries, flags;
    bool internal, pinned;
  };
  struct TestRun {
    uint32_t retval, duration_ns;
  };
  /** Held while a call is under way or about to be: the object is not torn down under it. */
  using Use = std::shared_ptr<void>;

  static std::shared_ptr<BpfObject> Open(const uint8_t* bytes, size_t size, const std::string& name);
  BpfObject(const BpfObject&) = delete;
  BpfObject& operator=(const BpfObject&) = delete;
  ~BpfObject();

  std::vector<Program> Programs() const;
  std::vector<Map> Maps() const;

  void SetInitialValue(const std::string& section, size_t offset, const uint8_t* bytes, size_t size);
  void SetMaxEntries(const std::string& map, uint32_t entries);
  void SetAutoload(const std::string& program, bool on);
  /** The load takes the map that is pinned at `path`, or makes one and pins it there. */
  void SetPinPath(const std::string& map, const std::string& path);

  /** Throws when closed. */
  Use Enter();
  /** The object is loading from now on: nothing can be changed any more. Call `Load` under the Use that this gives. */
  Use EnterLoad();
  void Load();
  std::shared_ptr<Link> Attach(const std::string& program);
  std::shared_ptr<Link> AttachPerfEvent(const std::string& program, unsigned frequency);
  TestRun Run(int program_fd, const std::vector<uint8_t>& data, int repeat);
  /** Detach before the object's end. */
  void Forget(const std::shared_ptr<Link>& link);

  int ProgramFd(const std::string& name) const;
  int MapFd(const std::string& name) const;

  /** Detaches every link, then unloads. Idempotent. */
  void Close();

 private:
  enum class State { kOpened, kLoading, kLoaded, kFailed };

  BpfObject(bpf_object* object, const std::string& name);
  Use EnterLocked();
  void Leave();
  void TearDown();
  void CheckOpen() const;
  void CheckChangeable() const;
  void CheckLoaded() const;
  void ReadPrograms();
  void ReadMaps();
  std::shared_ptr<Link> Keep(std::vector<bpf_link*> links);
  bpf_program* FindProgram(const std::string& name) const;
  bpf_map* FindMap(const std::string& name) const;

  const std::string name_;
  /** Guards everything below; held briefly. */
  mutable std::mutex mutex_;
  bpf_object* object_;
  State state_ = State::kOpened;
  bool closed_ = false;
  unsigned uses_ = 0;
  std::vector<Program> programs_;
  std::vector<Map> maps_;
  std::vector<std::shared_ptr<Link>> links_;
  /** One libbpf call at a time; held for as long as it takes. */
  std::mutex work_;
};
