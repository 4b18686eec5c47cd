#pragma once

#include <napi.h>

/** `clockOffsets()` */
Napi::Value ClockOffsets(const Napi::CallbackInfo& info);
