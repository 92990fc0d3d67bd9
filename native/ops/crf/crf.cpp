// The ops `crf_nll` (arguments emissions (T, K), offsets (B+1), tags (T), transitions (K, K), start (K), end
// (K), reduction; gives the loss) and `crf_decode` (the same without tags and reduction; gives the tags (T)
// of the best paths and their scores (B)).
#include "ops/crf/crf.h"

#include "ops/cast/cast.h"
#include "ops/offsets.h"

namespace athanor {

namespace {

struct Inputs {
  TensorRef emissions, offsets, transitions, start, end;
};

struct Views {
  View emissions, offsets, transitions, start, end;
  const int32_t* host;  // the offsets, where they are known
  int64_t batch;

  template <class T>
  CrfScores<T> scores() const {
    return {emissions.data<T>(),
            emissions.row_stride,
            offsets.indices(host),
            transitions.data<T>(),
            start.data<T>(),
            end.data<T>(),
            batch,
            emissions.shape[0],
            emissions.shape[1]};
  }
  std::vector<View> all() const { return {emissions, offsets, transitions, start, end}; }
};

Views check(Call& c, const Inputs& in) {
  c.check_float(in.emissions, "emissions");
  c.check_rank(in.emissions, "emissions", 2, 2);
  const int64_t rows = in.emissions->shape()[0], tags = in.emissions->shape()[1];
  if (tags == 0)
    c.fail(ErrorCode::shape, "emissions must have at least one tag, got (" + std::to_string(rows) + ", 0)");
  const int64_t batch = check_offsets_tensor(c, in.offsets, rows, "offsets");
  const std::pair<TensorRef, const char*> ends[] = {{in.start, "start"}, {in.end, "end"}};
  c.check_dtype(in.transitions, "transitions", in.emissions->view.dtype);
  c.check_shape(in.transitions, "transitions", {tags, tags});
  for (const auto& [scores, name] : ends) {
    c.check_dtype(scores, name, in.emissions->view.dtype);
    c.check_shape(scores, name, {tags});
  }
  return {in.emissions->view,
          in.offsets->view,
          c.rows_of(in.transitions),
          c.rows_of(in.start),
          c.rows_of(in.end),
          in.offsets->view.host<int32_t>(),
          batch};
}

// v (f32) as the gradient of input i, which wants `dtype`.
void set_gradient(Backward& b, int i, const View& v, DType dtype) {
  if (!b.needs(i)) return;
  if (b.gradient_dtype(i, dtype) == DType::f32) return b.set(i, v);
  View rounded = b.make(dtype, v.shape);
  b.run({v}, {rounded}, [=](Execution& e) {
    on_device(e, [&](auto device) {
      cast_forward(device, Cast{v.data<void>(), v.dtype, rounded.data<void>(), dtype, v.count()});
    });
  });
  b.set(i, rounded);
}

struct Labels {
  View view;
  const int32_t* host;
};

void backward(Backward& b, const Views& in, const Labels& labels, Reduction reduction, const View& alpha) {
  const View dloss = b.contiguous(b.gradient(0));
  const DType dtype = in.emissions.dtype;
  const View demissions = b.make(dtype, in.emissions.shape);
  const View dtransitions = b.make(DType::f32, in.transitions.shape);
  const View dstart = b.make(DType::f32, in.start.shape), dend = b.make(DType::f32, in.end.shape);
  std::vector<View> read = in.all();
  read.insert(read.end(), {labels.view, alpha, dloss});
  b.run(read, {demissions, dtransitions, dstart, dend}, [=](Execution& e) {
    on_device_as(e, dtype, "crf_nll", [&](auto device, auto zero) {
      using T = decltype(zero);
      crf_backward(device,
                   CrfBackward<T>{in.scores<T>(), labels.view.indices(labels.host), reduction,
                                  alpha.data<float>(), dloss.data<float>(), demissions.data<T>(),
                                  dtransitions.data<float>(), dstart.data<float>(), dend.data<float>()});
    });
  });
  if (b.needs(0)) b.set(0, demissions);
  set_gradient(b, 1, dtransitions, dtype);
  set_gradient(b, 2, dstart, dtype);
  set_gradient(b, 3, dend, dtype);
}

void nll(Call& c) {
  const Inputs in{c.tensor(0, "emissions"), c.tensor(1, "offsets"), c.tensor(3, "transitions"),
                  c.tensor(4, "start"), c.tensor(5, "end")};
  const TensorRef labels_input = c.tensor(2, "tags");
  const Reduction reduction = c.choice<Reduction>(6, "reduction", reduction_count);
  const Views v = check(c, in);
  c.check_dtype(labels_input, "tags", DType::i32);
  c.check_shape(labels_input, "tags", {v.emissions.shape[0]});
  const Labels labels{labels_input->view, labels_input->view.host<int32_t>()};
  const bool each = reduction == Reduction::none;
  const View losses = c.make(DType::f32, {v.batch}), loss = each ? View() : c.make(DType::f32, {});
  const View alpha = c.make(DType::f32, v.emissions.shape);
  std::vector<View> read = v.all();
  read.push_back(labels.view);
  c.run(read, {losses, loss, alpha}, [=](Execution& e) {
    on_device_as(e, v.emissions.dtype, "crf_nll", [&](auto device, auto zero) {
      using T = decltype(zero);
      crf_forward(device, CrfForward<T>{v.scores<T>(), labels.view.indices(labels.host), reduction,
                                        alpha.data<float>(), losses.data<float>(), loss.data<float>()});
    });
  });
  c.result(each ? losses : loss);
  Views kept = v;
  kept.emissions.storage = nullptr;  // backward needs their shape and dtype alone
  std::vector<View> saved = kept.all();
  saved.push_back(labels.view);
  c.record({in.emissions, in.transitions, in.start, in.end}, saved,
           [=](Backward& b) { backward(b, kept, labels, reduction, alpha); });
}

void decode(Call& c) {
  const Views v = check(c, {c.tensor(0, "emissions"), c.tensor(1, "offsets"), c.tensor(2, "transitions"),
                            c.tensor(3, "start"), c.tensor(4, "end")});
  const View path = c.make(DType::i32, {v.emissions.shape[0]}), scores = c.make(DType::f32, {v.batch});
  c.run(v.all(), {path, scores}, [=](Execution& e) {
    on_device_as(e, v.emissions.dtype, "crf_decode", [&](auto device, auto zero) {
      using T = decltype(zero);
      crf_decode(device, CrfDecode<T>{v.scores<T>(), path.data<int32_t>(), scores.data<float>()});
    });
  });
  c.result(path);
  c.result(scores);
}

}  // namespace

extern const Op op_crf_nll{"crf_nll", nll, nullptr};
extern const Op op_crf_decode{"crf_decode", decode,
                              "a choice among paths: constant in its inputs but for jumps"};

}  // namespace athanor
