// One JavaScript function per op of the table: numbers in, one handle or an array of handles out.
#include <vector>

#include "binding/args.h"
#include "binding/errors.h"
#include "binding/exports.h"
#include "binding/node_environment.h"
#include "ops/op.h"

namespace athanor {

namespace {

constexpr size_t inline_arguments = 24;  // optimizers pass hundreds, nothing else more than these
constexpr uint64_t report_every = 64;    // calls

Napi::Value call_op(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(env);
    const Op& op = *static_cast<const Op*>(info.Data());
    double few[inline_arguments];
    std::vector<double> many;
    double* arguments = few;
    size_t count = info.Length();
    if (count > inline_arguments) {
      many.resize(count);
      arguments = many.data();
    }
    for (size_t i = 0; i < count; i++) arguments[i] = number_argument(info, i);
    environment.calls++;
    Call call(environment, op.name, arguments, static_cast<int>(count));
    op.call(call);
    if (environment.calls % report_every == 0) environment.report_memory(env);
    std::vector<TensorRef>& results = call.results();
    if (results.size() == 1) return Napi::Number::New(env, environment.add_handle(std::move(results[0])));
    Napi::Array handles = Napi::Array::New(env, results.size());
    for (size_t i = 0; i < results.size(); i++) {
      handles.Set(static_cast<uint32_t>(i),
                  Napi::Number::New(env, environment.add_handle(std::move(results[i]))));
    }
    return handles;
  });
}

}  // namespace

void export_ops(Napi::Env env, Napi::Object exports) {
  Napi::Object ops = Napi::Object::New(env);
  Napi::Array table = Napi::Array::New(env);
  for (int i = 0; i < op_count; i++) {
    const Op* op = op_table[i];
    ops.Set(op->name, Napi::Function::New(env, call_op, op->name, const_cast<Op*>(op)));
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", op->name);
    row.Set("gradient", Napi::Boolean::New(env, op->no_gradient == nullptr));
    if (op->no_gradient) row.Set("reason", op->no_gradient);
    table.Set(static_cast<uint32_t>(i), row);
  }
  exports.Set("ops", ops);
  exports.Set("opTable", table);
}

}  // namespace athanor
