{
  "targets": [
    {
      "target_name": "bee",
      "sources": [
        "src/addon.cc",
        "src/btf_dump.cc",
        "src/clock.cc",
        "src/environment.cc",
        "src/failure.cc",
        "src/link.cc",
        "src/link_handle.cc",
        "src/log_capture.cc",
        "src/map_reader.cc",
        "src/object.cc",
        "src/object_handle.cc",
        "src/perf_event.cc",
        "src/poller.cc",
        "src/poller_handle.cc",
        "src/ring_memory.cc",
        "src/ring_owner.cc",
        "src/ring_reader.cc",
        "src/syscall_kprobe.cc",
        "src/task.cc"
      ],
      "defines": [
        "NAPI_VERSION=9",
        "NAPI_CPP_EXCEPTIONS",
        # A worker may be terminated between any two calls: an exception that cannot be thrown is dropped then.
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"
      ],
      "cflags!": ["-O3", "-fno-omit-frame-pointer"],
      "cflags": ["-O2", "-Wall", "-Wextra", "-fvisibility=hidden"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++14", "-std=gnu++20"],
      "cflags_cc": [
        "-std=c++17",
        "-fexceptions",
        # absolute: make runs in build/. A system folder, so that its warnings are not ours.
        "-isystem", "<!(node -p \"require('node:path').dirname(require.resolve('node-addon-api'))\")"
      ],
      # nodelete: libbpf keeps a pointer to our print callback, and a thread may be inside this code at exit.
      "ldflags": ["-Wl,-z,nodelete", "-Wl,-z,relro,-z,now"],
      "libraries": ["-lbpf", "-pthread"]
    }
  ]
}
