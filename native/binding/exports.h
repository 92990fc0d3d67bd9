// The groups of functions that the addon exports; src/native/contract.ts is their type.
#pragma once

#include <napi.h>

namespace athanor {

void export_ops(Napi::Env env, Napi::Object exports);       // one function per op of the table
void export_tensors(Napi::Env env, Napi::Object exports);   // making, reading, writing, releasing
void export_autograd(Napi::Env env, Napi::Object exports);  // backward, gradients, customFunction
void export_devices(Napi::Env env, Napi::Object exports);   // queues, readiness, memory, threads
void export_files(Napi::Env env, Napi::Object exports);     // reading weights

}  // namespace athanor
