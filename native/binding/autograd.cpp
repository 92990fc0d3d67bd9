// backward, gradients of leaves, customFunction.
#include "binding/args.h"
#include "binding/errors.h"
#include "binding/exports.h"
#include "binding/node_environment.h"
#include "core/call.h"

namespace athanor {

namespace {

// backward(handle, gradient handle or 0, retainGraph)
Napi::Value backward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    TensorRef loss = environment.tensor(number_argument(info, 0), "backward", "this");
    double gradient = number_argument(info, 1);
    bool retain_graph = flag_argument(info, 2);
    if (gradient == 0) {
      run_backward(environment, loss, nullptr, retain_graph);
    } else {
      View view = environment.tensor(gradient, "backward", "gradient")->view;
      run_backward(environment, loss, &view, retain_graph);
    }
    environment.report_memory(info.Env());
    return info.Env().Undefined();
  });
}

// gradient(handle) -> handle or 0
Napi::Value gradient(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    TensorRef found = get_gradient(environment, environment.tensor(number_argument(info, 0), "grad", "this"));
    double handle = 0;
    if (found) {
      // A handle of its own, so that releasing it leaves the gradient in place.
      auto t = std::make_shared<Tensor>();
      t->view = found->view;
      handle = environment.add_handle(std::move(t));
    }
    return Napi::Number::New(info.Env(), handle);
  });
}

// setGradient(handle, gradient handle or 0)
Napi::Value change_gradient(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    TensorRef leaf = environment.tensor(number_argument(info, 0), "grad", "this");
    double value = number_argument(info, 1);
    environment.require_room("grad");
    set_gradient(environment, leaf, value == 0 ? nullptr : environment.tensor(value, "grad", "value"));
    return info.Env().Undefined();
  });
}

// clearGradients(Float64Array of handles)
Napi::Value clear_many(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    Bytes handles = bytes_argument(info, 0, "handles");
    const double* values = reinterpret_cast<const double*>(handles.data);
    size_t count = handles.size / sizeof(double);
    std::vector<TensorRef> leaves;
    for (size_t i = 0; i < count; i++)
      leaves.push_back(environment.tensor(values[i], "zeroGrad", "parameter"));
    environment.require_room("zeroGrad");
    clear_gradients(environment, leaves);
    return info.Env().Undefined();
  });
}

Napi::Value change_requires_grad(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    set_requires_grad(environment.tensor(number_argument(info, 0), "requiresGrad", "this"),
                      flag_argument(info, 1));
    return info.Env().Undefined();
  });
}

// setGradEnabled(flag) -> what it was
Napi::Value change_grad_enabled(const Napi::CallbackInfo& info) {
  NodeEnvironment& environment = NodeEnvironment::of(info.Env());
  bool before = environment.grad_enabled;
  environment.grad_enabled = flag_argument(info, 0);
  return Napi::Boolean::New(info.Env(), before);
}

// Frees the JavaScript function when the last node that needs it goes.
struct CustomFunction {
  Environment& environment;
  const double id;
  ~CustomFunction() { environment.custom_release(environment, id); }
};

// recordCustom(id, inputs (Float64Array), outputs (Float64Array)) -> handles of the outputs with history
Napi::Value record_custom(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Env env = info.Env();
    NodeEnvironment& environment = NodeEnvironment::of(env);
    double id = number_argument(info, 0);
    Bytes inputs = bytes_argument(info, 1, "inputs");
    Bytes outputs = bytes_argument(info, 2, "outputs");
    environment.calls++;
    auto function = std::shared_ptr<CustomFunction>(new CustomFunction{environment, id});
    std::vector<double> handles(reinterpret_cast<double*>(inputs.data),
                                reinterpret_cast<double*>(inputs.data + inputs.size));
    Call call(environment, "customFunction", handles.data(), static_cast<int>(handles.size()));
    std::vector<TensorRef> tensors;
    for (size_t i = 0; i < handles.size(); i++) tensors.push_back(call.tensor(static_cast<int>(i), "input"));
    const double* made = reinterpret_cast<const double*>(outputs.data);
    for (size_t i = 0; i < outputs.size / sizeof(double); i++) {
      call.result(environment.tensor(made[i], "customFunction", "output")->view);
    }
    std::vector<Shape> shapes;
    for (const TensorRef& t : tensors) shapes.push_back(t->view.shape);
    size_t count = call.results().size();
    call.record(tensors, {}, [function, shapes, count](Backward& b) {
      std::vector<TensorRef> gradients;
      for (size_t i = 0; i < count; i++) {
        const View& view = b.gradient(static_cast<int>(i));
        gradients.push_back(view.defined() ? std::make_shared<Tensor>() : nullptr);
        if (view.defined()) gradients.back()->view = b.private_gradient(static_cast<int>(i));
      }
      std::vector<TensorRef> results = b.environment.custom_backward(b.environment, function->id, gradients);
      if (results.size() != shapes.size()) {
        throw Error(ErrorCode::argument, "customFunction: backward must return one gradient per input (" +
                                             std::to_string(shapes.size()) + "), got " +
                                             std::to_string(results.size()));
      }
      for (size_t i = 0; i < results.size(); i++) {
        if (!results[i] || !b.needs(static_cast<int>(i))) continue;
        if (results[i]->view.shape != shapes[i]) {
          throw Error(ErrorCode::shape, "customFunction: gradient " + std::to_string(i) + " must be " +
                                            shapes[i].text() + ", got " + results[i]->view.shape.text());
        }
        b.set(static_cast<int>(i), results[i]->view);
      }
      b.share_results();  // JavaScript holds them too
    });
    Napi::Array answer = Napi::Array::New(env, count);
    for (size_t i = 0; i < count; i++) {
      answer.Set(static_cast<uint32_t>(i), Napi::Number::New(env, environment.add_handle(call.results()[i])));
    }
    return answer;
  });
}

}  // namespace

void export_autograd(Napi::Env env, Napi::Object exports) {
  exports.Set("backward", Napi::Function::New(env, backward));
  exports.Set("gradient", Napi::Function::New(env, gradient));
  exports.Set("setGradient", Napi::Function::New(env, change_gradient));
  exports.Set("clearGradients", Napi::Function::New(env, clear_many));
  exports.Set("setRequiresGrad", Napi::Function::New(env, change_requires_grad));
  exports.Set("setGradEnabled", Napi::Function::New(env, change_grad_enabled));
  exports.Set("recordCustom", Napi::Function::New(env, record_custom));
}

}  // namespace athanor
