#include "failure.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

namespace {

// The kernel's own, never meant for user space, and yet bpf(2) returns it.
constexpr int kENOTSUPP = 524;

void SetString(napi_env env, napi_value object, const char* name, const std::string& text) {
  napi_value value;
  if (napi_create_string_utf8(env, text.data(), text.size(), &value) == napi_ok) {
    napi_set_named_property(env, object, name, value);
  }
}

}  // namespace

std::string ErrnoName(int error) {
  // strerrorname_np would do, but is younger than the oldest glibc that we run on.
  switch (error) {
#define NAME(constant) \
  case constant:       \
    return #constant
    NAME(EPERM);
    NAME(ENOENT);
    NAME(ESRCH);
    NAME(EINTR);
    NAME(EIO);
    NAME(ENXIO);
    NAME(E2BIG);
    NAME(ENOEXEC);
    NAME(EBADF);
    NAME(ECHILD);
    NAME(EAGAIN);
    NAME(ENOMEM);
    NAME(EACCES);
    NAME(EFAULT);
    NAME(EBUSY);
    NAME(EEXIST);
    NAME(EXDEV);
    NAME(ENODEV);
    NAME(ENOTDIR);
    NAME(EISDIR);
    NAME(EINVAL);
    NAME(ENFILE);
    NAME(EMFILE);
    NAME(ENOTTY);
    NAME(EFBIG);
    NAME(ENOSPC);
    NAME(ESPIPE);
    NAME(EROFS);
    NAME(EPIPE);
    NAME(EDOM);
    NAME(ERANGE);
    NAME(EDEADLK);
    NAME(ENAMETOOLONG);
    NAME(ENOSYS);
    NAME(ELOOP);
    NAME(EBADMSG);
    NAME(EOVERFLOW);
    NAME(EILSEQ);
    NAME(EOPNOTSUPP);
    NAME(EPROTO);
    NAME(ETIMEDOUT);
    NAME(EALREADY);
    NAME(ECANCELED);
    NAME(EKEYREJECTED);
#undef NAME
    case kENOTSUPP:
      return "ENOTSUPP";
    case LIBBPF_ERRNO__LIBELF:
    case LIBBPF_ERRNO__FORMAT:
      return "EFORMAT";
    case LIBBPF_ERRNO__ENDIAN:
      return "EENDIAN";
    case LIBBPF_ERRNO__RELOC:
      return "ERELOC";
    default:
      return "E" + std::to_string(error);
  }
}

Failure Failure::Errno(int error, const std::string& what) {
  Failure failure;
  failure.code = ErrnoName(error);
  failure.error = error;
  char buffer[128];
  const char* text = buffer;
  if (error == kENOTSUPP) {
    text = "Operation is not supported";
  } else if (error >= __LIBBPF_ERRNO__START) {
    libbpf_strerror(error, buffer, sizeof(buffer));
  } else {
    text = strerror_r(error, buffer, sizeof(buffer));
  }
  failure.message = what + ": " + text + " (" + failure.code + ")";
  return failure;
}

Failure Failure::Closed(const std::string& what) {
  Failure failure;
  failure.code = "CLOSED";
  failure.message = what + " is closed";
  return failure;
}

Failure Failure::Invalid(const std::string& message) {
  Failure failure;
  failure.code = "INVALID";
  failure.message = message;
  return failure;
}

napi_value Failure::ToValue(napi_env env) const {
  napi_value text, code_value, result;
  if (napi_create_string_utf8(env, message.data(), message.size(), &text) != napi_ok ||
      napi_create_string_utf8(env, code.data(), code.size(), &code_value) != napi_ok ||
      napi_create_error(env, code_value, text, &result) != napi_ok) {
    return nullptr;
  }
  if (error != 0) {
    napi_value number;
    if (napi_create_int32(env, error, &number) == napi_ok) napi_set_named_property(env, result, "errno", number);
  }
  if (!log.empty()) SetString(env, result, "log", log);
  if (!verifier_log.empty()) SetString(env, result, "verifierLog", verifier_log);
  return result;
}
