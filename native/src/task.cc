#include "task.h"

#include <cerrno>
#include <memory>

Napi::Value Task::Start(Napi::Env env, const char* name, Run run, Done done) {
  auto task = std::make_unique<Task>();
  task->run_ = std::move(run);
  task->done_ = std::move(done);
  napi_value promise;
  napi_value resource_name = Napi::String::New(env, name);
  napi_status status = napi_create_async_work(env, nullptr, resource_name, Execute, Complete, task.get(), &task->work_);
  NAPI_THROW_IF_FAILED(env, status, Napi::Value());
  status = napi_create_promise(env, &task->deferred_, &promise);
  if (status == napi_ok) status = napi_queue_async_work(env, task->work_);
  if (status != napi_ok) {
    napi_delete_async_work(env, task->work_);
    throw Napi::Error::New(env);
  }
  task.release();
  return Napi::Value(env, promise);
}

void Task::Execute(napi_env, void* data) {
  auto* task = static_cast<Task*>(data);
  try {
    task->run_();
  } catch (const Failure& failure) {
    task->failure_ = failure;
  } catch (const std::exception& error) {
    task->failure_ = Failure::Invalid(error.what());
  }
  task->run_ = nullptr;
}

void Task::Complete(napi_env env, napi_status status, void* data) {
  std::unique_ptr<Task> task(static_cast<Task*>(data));
  napi_delete_async_work(env, task->work_);
  task->run_ = nullptr;
  try {
    task->Settle(env, status);
  } catch (const Napi::Error&) {
    // Only an environment that is being torn down gets here; there is nobody to tell.
  }
}

void Task::Settle(napi_env env, napi_status status) {
  if (status == napi_cancelled) failure_ = Failure::Errno(ECANCELED, "the environment ends");
  if (!failure_) {
    napi_value value = nullptr;
    try {
      value = done_(env);
    } catch (const Failure& failure) {
      failure_ = failure;
    }
    if (value != nullptr) {
      napi_resolve_deferred(env, deferred_, value);
      return;
    }
    if (!failure_) failure_ = Failure::Errno(ECANCELED, "the environment ends");
  }
  napi_value error = failure_->ToValue(env);
  if (error != nullptr) napi_reject_deferred(env, deferred_, error);
}
