// cached_attention.h on CUDA. A block takes one head of one query, or a stretch of its keys where there are
// too few of those to fill the GPU. In a warp, a few neighbouring lanes share a key, four elements each, and
// every such group of lanes walks through keys of its own with an online softmax (cuda/online_softmax.h
// explains why); the groups of a block, and then the blocks of a head, are put together at the end.
#include <algorithm>

#include "cuda/bf16.h"
#include "cuda/launch.h"
#include "cuda/scratch.h"
#include "cuda/vector.h"
#include "ops/attention/attention_launch.h"
#include "ops/cached_attention/cached_attention.h"

namespace athanor {

namespace {

constexpr int threads = 128, warps = threads / warp_size;
constexpr int each = 4;             // elements of a lane
constexpr int64_t least_keys = 64;  // of a stretch
constexpr int64_t most_stretches = 64;
constexpr int64_t blocks_per_multiprocessor = 8;

// What softmax has come to over some keys: o = sum exp(s - max) value, total = sum exp(s - max).
struct Part {
  float max = -INFINITY, total = 0.0f;

  // What values so far, and the new one, are multiplied with. A NaN counts.
  struct Factors {
    float before, now;
  };
  __device__ Factors add(float s) {
    const float larger = fmaxf(max, s);
    Factors f{max == larger ? 1.0f : expf(max - larger), larger == -INFINITY ? 0.0f : expf(s - larger)};
    if (s != s) f.now = s;
    max = larger;
    total = total * f.before + f.now;
    return f;
  }
};

template <class T>
struct Arguments {
  CachedAttention<T> a;
  RelativeTable relative;
  bool vectors;  // rows are aligned to four elements
  int stretches;
  float* parts;  // (N, H, stretches, D + 2): o, max, total; null where there is one stretch
};

template <class T>
__device__ void load_each(float (&v)[each], const T* row, int at, int size, bool vectors) {
  if (vectors && at < size) {
    const Vector<T, each> all = load_vector<each>(row + at);
#pragma unroll
    for (int i = 0; i < each; i++) v[i] = to_float(all[i]);
    return;
  }
#pragma unroll
  for (int i = 0; i < each; i++) v[i] = at + i < size ? to_float(row[at + i]) : 0.0f;
}

// Puts `count` parts together for column d: part i is at parts + i stride, o first, then max and total at D.
// Every thread computes the same max and total.
__device__ float combined(const float* parts, int count, int stride, int size, int d, Part& whole) {
  for (int i = 0; i < count; i++) whole.max = fmaxf(whole.max, parts[i * stride + size]);
  float o = 0.0f;
  for (int i = 0; i < count; i++) {
    const float max = parts[i * stride + size];
    const float factor = max == whole.max ? 1.0f : expf(max - whole.max);
    whole.total += parts[i * stride + size + 1] * factor;
    o += parts[i * stride + d] * factor;
  }
  return o;
}

// 0 where no key counts, also where 0 V is NaN.
__device__ float quotient(float o, float total) {
  return total == 0.0f ? 0.0f : o / total;
}

// Heads of up to `size` elements.
template <class T, int size>
__global__ void __launch_bounds__(threads) cached_attention_kernel(const Arguments<T> arguments) {
  constexpr int lanes = size / each, groups = threads / lanes, stride = size + 2;
  const CachedAttention<T>& a = arguments.a;
  const int D = static_cast<int>(a.head_size), H = static_cast<int>(a.heads);
  const int stretch = blockIdx.x % arguments.stretches;
  const int head = blockIdx.x / arguments.stretches % H;
  const int64_t query = blockIdx.x / arguments.stretches / H;
  const int length = a.lengths.data[query];
  const int of_stretch = (length + arguments.stretches - 1) / arguments.stretches;
  const int begin = min(stretch * of_stretch, length), end = min(begin + of_stretch, length);
  const int group = threadIdx.x / lanes, at = threadIdx.x % lanes * each;

  const int64_t first = a.starts.data ? a.starts.data[query] : 0;
  const int32_t* rows = a.rows.data ? a.rows.data + query * a.columns : nullptr;
  float q[each], o[each] = {};
  load_each(q, a.q + query * a.q_stride + head * D, at, D, arguments.vectors);
  Part part;
  // Whole warps go round together, for the sake of the shuffles.
  for (int j = begin; j < end; j += groups) {
    const int key = j + group;
    const bool counts = key < end;
    const int64_t row = !counts ? 0 : rows ? rows[key] : first + key;
    float k[each] = {}, v[each] = {}, s = 0.0f;
    if (counts) {
      load_each(k, a.keys + row * a.key_stride + head * D, at, D, arguments.vectors);
      load_each(v, a.values + row * a.value_stride + head * D, at, D, arguments.vectors);
    }
#pragma unroll
    for (int i = 0; i < each; i++) s += q[i] * k[i];
#pragma unroll
    for (int offset = lanes / 2; offset > 0; offset /= 2) s += __shfl_xor_sync(full_mask, s, offset);
    if (!counts) continue;
    s *= a.scale;
    if (arguments.relative.table) {
      s += arguments.relative.value(arguments.relative.bucket(key - (length - 1)), head, H);
    }
    const Part::Factors f = part.add(s);
#pragma unroll
    for (int i = 0; i < each; i++) o[i] = o[i] * f.before + f.now * v[i];
  }

  SHARED(float, parts, [groups][stride]);
#pragma unroll
  for (int i = 0; i < each; i++) parts[group][at + i] = o[i];
  if (at == 0) {
    parts[group][size] = part.max;
    parts[group][size + 1] = part.total;
  }
  __syncthreads();
  const int d = static_cast<int>(threadIdx.x);
  if (d >= size) return;
  Part whole;
  const float sum = combined(&parts[0][0], groups, stride, size, d, whole);
  const int64_t place = query * H + head;
  if (arguments.stretches == 1) {
    if (d < D) a.o[place * D + d] = from_float<T>(quotient(sum, whole.total));
    return;
  }
  float* to = arguments.parts + (place * arguments.stretches + stretch) * (D + 2);
  if (d < D) to[d] = sum;
  if (d == 0) to[D] = whole.max, to[D + 1] = whole.total;
}

// One block for each head of each query.
template <class T>
__global__ void __launch_bounds__(threads)
    combine_stretches_kernel(const float* parts, int stretches, int head_size, T* o) {
  const int d = static_cast<int>(threadIdx.x);
  if (d >= head_size) return;
  const int64_t place = blockIdx.x;
  Part whole;
  const float sum =
      combined(parts + place * stretches * (head_size + 2), stretches, head_size + 2, head_size, d, whole);
  o[place * head_size + d] = from_float<T>(quotient(sum, whole.total));
}

template <class F>
void with_size(int64_t head_size, const F& f) {
  if (head_size <= 32) return f(std::integral_constant<int, 32>());
  if (head_size <= 64) return f(std::integral_constant<int, 64>());
  f(std::integral_constant<int, 128>());
}

template <class T>
int stretches_of(const Cuda& cuda, const CachedAttention<T>& a) {
  int64_t keys = a.rows.data ? a.columns : a.cache_rows;
  if (a.lengths.host) keys = *std::max_element(a.lengths.host, a.lengths.host + a.queries);
  const int64_t wanted = blocks_per_multiprocessor * cuda.properties->multiprocessors;
  const int64_t stretches = std::min({wanted / (a.queries * a.heads), keys / least_keys, most_stretches});
  return static_cast<int>(std::max<int64_t>(1, stretches));
}

}  // namespace

template <class T>
void cached_attention(Cuda cuda, const CachedAttention<T>& a) {
  if (a.queries == 0) return;
  const BucketStarts starts(cuda, a.table ? a.buckets : 0, a.bidirectional, a.max_distance);
  Arguments<T> arguments{};
  arguments.a = a;
  arguments.relative = {a.table,       a.table_dtype, static_cast<int>(a.buckets),
                        starts.side(), starts.data(), a.bidirectional};
  arguments.vectors = a.head_size % each == 0 && aligned_for<each>(a.q, a.q_stride) &&
                      aligned_for<each>(a.keys, a.key_stride) && aligned_for<each>(a.values, a.value_stride);
  const int64_t places = a.queries * a.heads;
  arguments.stretches = stretches_of(cuda, a);
  const Scratch<float> parts(cuda,
                             arguments.stretches > 1 ? places * arguments.stretches * (a.head_size + 2) : 0);
  arguments.parts = parts.data();
  const unsigned blocks = static_cast<unsigned>(places * arguments.stretches);
  with_size(a.head_size, [&](auto size) {
    launch(cached_attention_kernel<T, size.value>, blocks, threads, 0, cuda.stream, arguments);
  });
  if (arguments.stretches == 1) return;
  launch(combine_stretches_kernel<T>, static_cast<unsigned>(places), threads, 0, cuda.stream, parts.data(),
         arguments.stretches, static_cast<int>(a.head_size), a.o);
}

template void cached_attention(Cuda, const CachedAttention<float>&);
template void cached_attention(Cuda, const CachedAttention<bf16>&);

}  // namespace athanor
