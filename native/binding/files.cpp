// Reading weights from a file straight into tensors. Positioned reads in pieces, each count checked, on two
// threads; a mapped file would be faster to open, but kills the process when somebody truncates it.
#include <fcntl.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>
#if defined(_WIN32)
#include <io.h>
#else
#include <unistd.h>
#endif

#include "binding/args.h"
#include "binding/errors.h"
#include "binding/exports.h"
#include "binding/node_environment.h"
#include "core/tensor.h"
#include "cpu/kernels.h"

namespace athanor {

namespace {

constexpr size_t piece_bytes = size_t{8} << 20;
constexpr int reader_threads = 2;

// How elements lie in the file; f32 tensors take any, others their own type only.
enum class Stored : int32_t { same = 0, f16 = 1, bf16 = 2, i64 = 3, f64 = 4 };

size_t stored_size(Stored stored, DType dtype) {
  switch (stored) {
    case Stored::same: return dtype_size(dtype);
    case Stored::f16: return 2;
    case Stored::bf16: return 2;
    case Stored::i64: return 8;
    case Stored::f64: return 8;
  }
  return 1;
}

float widen_half(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  int32_t exponent = half >> 10 & 31;
  uint32_t mantissa = half & 1023;
  uint32_t bits;
  if (exponent == 31) {
    bits = sign | 0x7F800000u | mantissa << 13;
  } else if (exponent > 0) {
    bits = sign | static_cast<uint32_t>(exponent + 112) << 23 | mantissa << 13;
  } else {
    float value = static_cast<float>(mantissa) * 5.9604644775390625e-8f;  // 2^-24
    std::memcpy(&bits, &value, 4);
    bits |= sign;
  }
  float result;
  std::memcpy(&result, &bits, 4);
  return result;
}

template <class To>
void convert_i64(To* target, const uint8_t* source, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int64_t value;
    std::memcpy(&value, source + i * 8, 8);
    target[i] = static_cast<To>(value);
  }
}

struct Piece {
  View view;
  uint8_t* target;  // host memory of the view's first element
  Stored stored;
  size_t first, count;  // elements
  size_t position;      // byte in the file
};

void convert(const Piece& piece, const uint8_t* source) {
  float* target = reinterpret_cast<float*>(piece.target) + piece.first;
  switch (piece.stored) {
    case Stored::same: break;  // read in place
    case Stored::bf16:
      kernels().from_bf16(target, reinterpret_cast<const uint16_t*>(source), piece.count);
      break;
    case Stored::f16:
      for (size_t i = 0; i < piece.count; i++) {
        uint16_t half;
        std::memcpy(&half, source + i * 2, 2);
        target[i] = widen_half(half);
      }
      break;
    case Stored::i64:
      if (piece.view.dtype == DType::i32) {
        convert_i64(reinterpret_cast<int32_t*>(piece.target) + piece.first, source, piece.count);
      } else {
        convert_i64(target, source, piece.count);
      }
      break;
    case Stored::f64:
      for (size_t i = 0; i < piece.count; i++) {
        double value;
        std::memcpy(&value, source + i * 8, 8);
        target[i] = static_cast<float>(value);
      }
      break;
  }
}

class Reader {
 public:
  Reader(std::shared_ptr<NodeEnvironment> environment, double id, std::string file, std::vector<Piece> pieces)
      : environment_(std::move(environment)), id_(id), file_(std::move(file)), pieces_(std::move(pieces)) {}

  static void start(const std::shared_ptr<Reader>& reader) {
    reader->running_ = reader_threads;
    for (int i = 0; i < reader_threads; i++) std::thread([reader] { reader->work(); }).detach();
  }

 private:
  void work() {
    try {
      read_pieces();
    } catch (const std::exception& error) {
      fail(error.what());
    }
    if (--running_ > 0) return;
    FailureRef failure;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      failure = failure_;
    }
    pieces_.clear();
    environment_->settle({id_, failure});
  }

  void fail(const std::string& message) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!failure_) failure_ = std::make_shared<const Failure>(Failure{ErrorCode::checkpoint, message, 0});
    stop_ = true;
  }

  void read_pieces() {
#if defined(_WIN32)
    int file = _open(file_.c_str(), _O_RDONLY | _O_BINARY);
#else
    int file = open(file_.c_str(), O_RDONLY | O_CLOEXEC);
#endif
    if (file < 0) return fail(file_ + ": cannot be opened: " + std::strerror(errno));
    std::vector<uint8_t> buffer;
    for (size_t i; !stop_ && (i = next_++) < pieces_.size();) {
      const Piece& piece = pieces_[i];
      size_t bytes = piece.count * stored_size(piece.stored, piece.view.dtype);
      uint8_t* target;
      if (piece.stored == Stored::same) {
        target = piece.target + piece.first * dtype_size(piece.view.dtype);
      } else {
        buffer.resize(bytes);
        target = buffer.data();
      }
      if (!read_all(file, target, bytes, piece.position)) break;
      if (piece.stored != Stored::same) convert(piece, target);
    }
#if defined(_WIN32)
    _close(file);
#else
    close(file);
#endif
  }

  bool read_all(int file, uint8_t* target, size_t bytes, size_t position) {
    size_t done = 0;
    while (done < bytes) {
#if defined(_WIN32)
      _lseeki64(file, static_cast<int64_t>(position + done), SEEK_SET);
      int64_t got = _read(file, target + done, static_cast<unsigned>(bytes - done));
#else
      ssize_t got = pread(file, target + done, bytes - done, static_cast<off_t>(position + done));
#endif
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        fail(file_ + ": needed " + std::to_string(bytes) + " bytes at " + std::to_string(position) +
             ", got " + std::to_string(done) +
             (got < 0 ? std::string(": ") + std::strerror(errno) : ": the file is cut short"));
        return false;
      }
      done += static_cast<size_t>(got);
    }
    return true;
  }

  const std::shared_ptr<NodeEnvironment> environment_;
  const double id_;
  const std::string file_;
  std::vector<Piece> pieces_;
  std::atomic<size_t> next_{0};
  std::atomic<int> running_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  FailureRef failure_;
};

// readFile(path, Float64Array of (handle, stored, byte position) per tensor, id): fills tensors that nobody
// uses yet (made with null data); completes `id`.
Napi::Value read_file(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    NodeEnvironment& environment = NodeEnvironment::of(info.Env());
    std::string file = string_argument(info, 0, "file");
    Bytes list = bytes_argument(info, 1, "tensors");
    const double* entries = reinterpret_cast<const double*>(list.data);
    std::vector<Piece> pieces;
    for (size_t i = 0; i + 2 < list.size / sizeof(double); i += 3) {
      View view = environment.tensor(entries[i], "readFile", "tensor")->view;
      auto stored = static_cast<Stored>(static_cast<int32_t>(entries[i + 1]));
      bool fits = stored == Stored::same || view.dtype == DType::f32 ||
                  (stored == Stored::i64 && view.dtype == DType::i32);
      if (!fits || !view.contiguous()) {
        throw Error(ErrorCode::dtype, "readFile: cannot read these elements into a tensor of " +
                                          std::string(dtype_name(view.dtype)));
      }
      uint8_t* target = static_cast<uint8_t*>(view.storage->stage()) + view.offset * dtype_size(view.dtype);
      size_t size = stored_size(stored, view.dtype);
      size_t count = static_cast<size_t>(view.count());
      size_t each = piece_bytes / size;
      for (size_t first = 0; first < count; first += each) {
        size_t n = count - first < each ? count - first : each;
        pieces.push_back(
            {view, target, stored, first, n, static_cast<size_t>(entries[i + 2]) + first * size});
      }
    }
    auto held = std::static_pointer_cast<NodeEnvironment>(environment.shared_from_this());
    Reader::start(std::make_shared<Reader>(held, number_argument(info, 2), file, std::move(pieces)));
    environment.promise_made();
    return info.Env().Undefined();
  });
}

}  // namespace

void export_files(Napi::Env env, Napi::Object exports) {
  exports.Set("readFile", Napi::Function::New(env, read_file));
}

}  // namespace athanor
