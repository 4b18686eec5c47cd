#pragma once

#include <napi.h>

#include <exception>
#include <new>
#include <string>

/** What went wrong, independent of any JavaScript environment. Becomes a NativeError at the boundary. */
class Failure : public std::exception {
 public:
  std::string code;
  int error = 0;
  std::string message;
  /** What libbpf said. */
  std::string log;
  std::string verifier_log;

  /** `what` is completed by the description of the errno. */
  static Failure Errno(int error, const std::string& what);
  static Failure Closed(const std::string& what);
  static Failure Invalid(const std::string& message);

  const char* what() const noexcept override { return message.c_str(); }

  /** nullptr when the environment can no longer make one. */
  napi_value ToValue(napi_env env) const;
};

/** Name of an errno: `EPERM`. */
std::string ErrnoName(int error);

/** Runs `body`, turning a Failure into a JavaScript exception. */
template <typename Body>
auto Guard(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Failure& failure) {
    napi_value value = failure.ToValue(env);
    if (value == nullptr) throw Napi::Error::New(env, failure.message);
    throw Napi::Error(env, value);
  } catch (const std::bad_alloc&) {
    throw Napi::Error::New(env, "out of memory");
  }
}
