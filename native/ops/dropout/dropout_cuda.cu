#include "cuda/random_words.h"
#include "ops/dropout/dropout.h"

namespace athanor {

namespace {

struct Keep {
  uint32_t threshold;
  float scale;
  __device__ float operator()(float x, uint32_t word) const { return word >= threshold ? x * scale : 0.0f; }
};

}  // namespace

template <class T>
void dropout_forward(Cuda cuda, const Dropout<T>& a) {
  const Keep keep{dropout_threshold(a.p), 1.0f / (1.0f - a.p)};
  map(cuda, keep, Target<T>{a.y, a.n}, 1, a.n, elements(a.x, a.n), RandomWords{a.seed, a.call});
}

template void dropout_forward(Cuda, const Dropout<float>&);
template void dropout_forward(Cuda, const Dropout<bf16>&);

}  // namespace athanor
