#pragma once

#include <napi.h>

/** `dumpBtfHeader(path?)` */
Napi::Value DumpBtfHeader(const Napi::CallbackInfo& info);
