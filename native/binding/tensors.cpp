// Making, reading, writing and releasing tensors.
#include <algorithm>
#include <cstring>

#include "binding/args.h"
#include "binding/errors.h"
#include "binding/exports.h"
#include "binding/node_environment.h"
#include "core/device.h"
#include "core/emitter.h"
#include "core/transfer.h"
#include "cpu/kernels.h"

namespace athanor {

Bytes bytes_argument(const Napi::CallbackInfo& info, size_t i, const char* name) {
  if (i < info.Length() && info[i].IsTypedArray()) {
    Napi::TypedArray array = info[i].As<Napi::TypedArray>();
    return {static_cast<uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset(), array.ByteLength()};
  }
  throw Error(ErrorCode::argument, std::string(name) + " must be a typed array");
}

namespace {

// What data() gives: bf16 is widened to f32.
size_t read_bytes(const View& v) {
  return static_cast<size_t>(v.count()) * (v.dtype == DType::bf16 ? 4 : dtype_size(v.dtype));
}

// From rows on the host, `stride` bytes apart.
void copy_out(const View& v, const uint8_t* rows, size_t stride, uint8_t* target) {
  size_t width = static_cast<size_t>(v.width()), count = static_cast<size_t>(v.rows());
  if (v.count() == 0) return;
  const size_t bytes = width * dtype_size(v.dtype);
  if (stride == bytes) {  // one long row
    width *= count;
    count = 1;
  }
  for (size_t row = 0; row < count; row++) {
    const uint8_t* source = rows + row * stride;
    if (v.dtype == DType::bf16) {
      kernels().from_bf16(reinterpret_cast<float*>(target) + row * width,
                          reinterpret_cast<const uint16_t*>(source), width);
    } else {
      std::memcpy(target + row * bytes, source, width * dtype_size(v.dtype));
    }
  }
}

// make(bytes | null, dtype, device, queue, dims...) -> handle. The bytes are copied at once, so that the
// caller may change its array; null leaves the contents to a reader of weights.
Napi::Value make(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    DType dtype = dtype_argument(info, 1);
    Device& device = Device::get(string_argument(info, 2, "device"));
    device.check_usable();
    int32_t queue_id = static_cast<int32_t>(integer_argument(info, 3, "queue"));
    QueueRef queue = queue_id ? environment.queue(queue_id) : environment.default_queue(device);
    auto tensor = std::make_shared<Tensor>();
    View& v = tensor->view;
    v.dtype = dtype;
    if (info.Length() > 8) throw Error(ErrorCode::shape, "tensor: shape must have at most 4 dimensions");
    for (size_t i = 4; i < info.Length(); i++) {
      int64_t size = integer_argument(info, i, "shape");
      if (size < 0 || (size > 0 && v.shape.count() > (int64_t{1} << 46) / size)) {
        throw Error(ErrorCode::shape,
                    "tensor: shape has a negative or too large dimension " + std::to_string(size));
      }
      v.shape.dims[v.shape.rank++] = size;
    }
    v.row_stride = v.shape.width();
    size_t bytes = static_cast<size_t>(v.count()) * dtype_size(dtype);
    v.storage = std::make_shared<Storage>(queue->device, bytes, queue);
    if (!info[0].IsNull()) {
      Bytes source = bytes_argument(info, 0, "data");
      if (source.size != bytes) {
        throw Error(ErrorCode::shape, "tensor: " + v.shape.text() + " needs " + std::to_string(bytes) +
                                          " bytes, got " + std::to_string(source.size));
      }
      void* staged = v.storage->stage();
      if (bytes) std::memcpy(staged, source.data, bytes);
      v.storage->on_host = true;
    } else {
      v.storage->stage();
    }
    environment.report_memory(info.Env());
    return Napi::Number::New(info.Env(), environment.add_handle(std::move(tensor)));
  });
}

// release(handle), releaseMany(Float64Array of handles, count)
Napi::Value release(const Napi::CallbackInfo& info) {
  NodeEnvironment::of(info.Env()).release_handle(number_argument(info, 0));
  return info.Env().Undefined();
}

Napi::Value release_many(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    Bytes handles = bytes_argument(info, 0, "handles");
    size_t count = static_cast<size_t>(integer_argument(info, 1, "count"));
    const double* values = reinterpret_cast<const double*>(handles.data);
    for (size_t i = 0; i < count && i < handles.size / sizeof(double); i++)
      environment.release_handle(values[i]);
    return info.Env().Undefined();
  });
}

// describe(handle) -> [dtype, requiresGrad, leaf, device name, dims...]
Napi::Value describe(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Env env = info.Env();
    const TensorRef& t = NodeEnvironment::of(env).tensor(number_argument(info, 0), "tensor", "this");
    const Shape& shape = t->view.shape;
    Napi::Array answer = Napi::Array::New(env, static_cast<size_t>(4 + shape.rank));
    answer.Set(0u, static_cast<int32_t>(t->view.dtype));
    answer.Set(1u, Napi::Boolean::New(env, t->requires_grad));
    answer.Set(2u, Napi::Boolean::New(env, t->leaf()));
    answer.Set(3u, t->view.storage->device.name());
    for (int i = 0; i < shape.rank; i++) {
      answer.Set(static_cast<uint32_t>(4 + i), Napi::Number::New(env, static_cast<double>(shape[i])));
    }
    return answer;
  });
}

Command reading(NodeEnvironment& environment, const View& view, uint8_t* target) {
  Command command;
  command.op = "data";
  command.call = environment.calls;
  command.inputs.push_back(view.storage);
  auto held = environment.shared_from_this();
  command.run = [held, view, target](Execution& e) {
    read_rows(e, view, [held, view, target](const void* rows, size_t stride) {
      // JavaScript owns the target: it lives as long as its environment.
      std::lock_guard<std::mutex> lock(held->writing);
      if (!held->dead) copy_out(view, static_cast<const uint8_t*>(rows), stride, target);
    });
  };
  return command;
}

// read(handle, typed array, id): completes `id` when the elements are in the array, which the caller keeps.
Napi::Value read(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    View view = environment.tensor(number_argument(info, 0), "data", "this")->view;
    Bytes target = bytes_argument(info, 1, "target");
    double id = number_argument(info, 2);
    if (target.size != read_bytes(view)) throw Error(ErrorCode::internal, "read: target has the wrong size");
    auto held = std::static_pointer_cast<NodeEnvironment>(environment.shared_from_this());
    environment.require_room("data");
    Command command = reading(environment, view, target.data);
    command.finished = [held, id](const FailureRef& failure) { held->settle({id, failure}); };
    environment.enqueue(view.storage->last_write.queue ? view.storage->last_write.queue : view.storage->home,
                        std::move(command));
    environment.promise_made();
    return info.Env().Undefined();
  });
}

// readSync(handle, typed array): blocks this thread until the elements are there.
Napi::Value read_sync(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    View view = environment.tensor(number_argument(info, 0), "dataSync", "this")->view;
    Bytes target = bytes_argument(info, 1, "target");
    if (target.size != read_bytes(view))
      throw Error(ErrorCode::internal, "readSync: target has the wrong size");
    Command command = reading(environment, view, target.data);
    auto latch = std::make_shared<Latch>();
    command.finished = [opened = Latch::Opener(latch)](const FailureRef& cause) { opened.open(cause); };
    QueueRef queue = view.storage->last_write.queue ? view.storage->last_write.queue : view.storage->home;
    environment.enqueue(queue, std::move(command));
    if (FailureRef failure = latch->wait()) {
      throw environment.make_error(info.Env(), failure->code, failure->message, failure->call);
    }
    return info.Env().Undefined();
  });
}

// write(handle, bytes): set() in place, in order with what is queued.
Napi::Value write(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    View view = environment.tensor(number_argument(info, 0), "set", "this")->view;
    Bytes source = bytes_argument(info, 1, "data");
    size_t bytes = static_cast<size_t>(view.count()) * dtype_size(view.dtype);
    if (source.size != bytes || !view.contiguous()) {
      throw Error(ErrorCode::shape, "set: " + view.shape.text() + " needs " + std::to_string(bytes) +
                                        " bytes, got " + std::to_string(source.size));
    }
    environment.require_room("set");
    auto staged = std::make_shared<std::vector<uint8_t>>(source.data, source.data + source.size);
    Command command;
    command.op = "set";
    command.call = environment.calls;
    // Writing a part does not heal the rest.
    command.kind = bytes == view.storage->bytes ? CommandKind::overwrite : CommandKind::accumulate;
    command.outputs.push_back(view.storage);
    command.staged_bytes = bytes;
    command.run = [staged, view](Execution& e) { write_rows(e, view, staged->data()); };
    environment.enqueue(view.storage->home, std::move(command));
    return info.Env().Undefined();
  });
}

// copy(target, source): target = source in place, same shape and dtype. fill(target, value): f32.
Napi::Value copy(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    View target = environment.tensor(number_argument(info, 0), "copy", "target")->view;
    View source = environment.tensor(number_argument(info, 1), "copy", "source")->view;
    if (target.shape != source.shape || target.dtype != source.dtype) {
      throw Error(ErrorCode::shape, "copy: source must be " + target.shape.text() + " " +
                                        dtype_name(target.dtype) + ", got " + source.shape.text() + " " +
                                        dtype_name(source.dtype));
    }
    Emitter emitter(environment, "copy", environment.calls, target.storage->home);
    emitter.copy_into(target, source);
    return info.Env().Undefined();
  });
}

Napi::Value fill(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    View target = environment.tensor(number_argument(info, 0), "fill", "target")->view;
    if (target.dtype != DType::f32) throw Error(ErrorCode::dtype, "fill: target must be f32");
    Emitter emitter(environment, "fill", environment.calls, target.storage->home);
    emitter.fill(target, static_cast<float>(number_argument(info, 1)));
    return info.Env().Undefined();
  });
}

// detach(handle) -> handle: the same elements without history.
Napi::Value detach(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    auto t = std::make_shared<Tensor>();
    t->view = environment.tensor(number_argument(info, 0), "detach", "this")->view;
    return Napi::Number::New(info.Env(), environment.add_handle(std::move(t)));
  });
}

// part(handle, row, rows) -> handle: a named part of a packed parameter, with a gradient of its own.
Napi::Value part(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    TensorRef base = environment.tensor(number_argument(info, 0), "part", "base");
    int64_t row = integer_argument(info, 1, "row");
    int64_t rows = integer_argument(info, 2, "rows");
    if (!base->leaf() || base->base || base->view.shape.rank < 1 || row < 0 || rows < 0 ||
        row + rows > base->view.shape[0]) {
      throw Error(ErrorCode::argument, "part: rows " + std::to_string(row) + " to " +
                                           std::to_string(row + rows) + " must lie in a parameter of shape " +
                                           base->view.shape.text());
    }
    auto t = std::make_shared<Tensor>();
    t->view = base->view.row_range(row, row + rows);
    t->base = base;
    t->row_begin = row;
    t->requires_grad = base->requires_grad;
    t->part_cleared = base->grad == nullptr;
    auto gone = [](const std::weak_ptr<Tensor>& other) { return other.expired(); };
    base->parts.erase(std::remove_if(base->parts.begin(), base->parts.end(), gone), base->parts.end());
    base->parts.push_back(t);
    return Napi::Number::New(info.Env(), environment.add_handle(std::move(t)));
  });
}

}  // namespace

void export_tensors(Napi::Env env, Napi::Object exports) {
  exports.Set("make", Napi::Function::New(env, make));
  exports.Set("release", Napi::Function::New(env, release));
  exports.Set("releaseMany", Napi::Function::New(env, release_many));
  exports.Set("describe", Napi::Function::New(env, describe));
  exports.Set("read", Napi::Function::New(env, read));
  exports.Set("readSync", Napi::Function::New(env, read_sync));
  exports.Set("write", Napi::Function::New(env, write));
  exports.Set("copy", Napi::Function::New(env, copy));
  exports.Set("fill", Napi::Function::New(env, fill));
  exports.Set("detach", Napi::Function::New(env, detach));
  exports.Set("part", Napi::Function::New(env, part));
}

}  // namespace athanor
