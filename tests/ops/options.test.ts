// What is no object of options gets a coded error that names the op, of every op that takes them.
import { describe, test } from "@jest/globals";
import { ops } from "../../src/index.js";
import { tensor } from "../../src/tensor/tensor.js";
import { expectCode } from "../support/ops.js";

const x = tensor([1, 2, 3, 4], [2, 2]);
const row = tensor([1, 2], [2]);
const ids = tensor(Int32Array.of(0, 1), [2]);
const offsets = tensor(Int32Array.of(0, 2), [2]);
const scores = { transitions: x, start: row, end: row };
const weights = { weightHh: x };

const calls: [op: string, name: string, call: (value: never) => unknown][] = [
  ["top_k", "options", (value) => ops.topK(x, 1, value)],
  ["top_k", "options", (value) => ops.beamTopK(x, row, 1, value)],
  ["process_logits", "options", (value) => ops.processLogits(x, value)],
  ["crf_nll", "options", (value) => ops.crfNll(x, offsets, ids, scores, value)],
  ["crf_nll", "scores", (value) => ops.crfNll(x, offsets, ids, value)],
  ["crf_decode", "scores", (value) => ops.crfDecode(x, offsets, value)],
  ["lstm", "options", (value) => ops.lstm(x, offsets, weights, value)],
  ["lstm", "weights", (value) => ops.lstm(x, offsets, value)],
  ["attention", "options", (value) => ops.attention(x, x, x, value)],
  ["cached_attention", "options", (value) => ops.cachedAttention(x, x, x, value)],
  ["linear", "options", (value) => ops.linear(x, x, null, value)],
  ["matmul", "options", (value) => ops.matmul(x, x, value)],
  ["cross_entropy", "options", (value) => ops.crossEntropy(x, ids, value)],
  ["linear_cross_entropy", "options", (value) => ops.linearCrossEntropy(x, x, ids, value)],
  ["segment_cross_entropy", "options", (value) => ops.segmentCrossEntropy(row, offsets, ids, value)],
  ["mse", "options", (value) => ops.mse(x, x, value)],
  ["bce_with_logits", "options", (value) => ops.bceWithLogits(x, x, value)],
  ["layer_norm", "options", (value) => ops.layerNorm(x, row, row, value)],
  ["rms_norm", "options", (value) => ops.rmsNorm(x, row, value)],
  ["dropout", "options", (value) => ops.dropout(x, 0.5, value)],
  ["sum", "options", (value) => ops.sum(x, value)],
  ["mean", "options", (value) => ops.mean(x, value)],
  ["logsumexp", "options", (value) => ops.logsumexp(x, value)],
  ["l2_normalize", "options", (value) => ops.l2Normalize(x, value)],
  ["random", "options", (value) => ops.uniform([2], 0, 1, value)],
  ["adamw", "options", (value) => ops.adamw([], value)],
  ["sgd", "options", (value) => ops.sgd([], value)],
  ["adagrad", "options", (value) => ops.adagrad([], value)],
  ["rmsprop", "options", (value) => ops.rmsprop([], value)],
];

describe.each([null, 3, "mean"])("%p", (value) => {
  test.each(calls)("%s: %s", (op, name, call) => {
    expectCode(() => call(value as never), "ERR_ARGUMENT", `${op}: ${name} must be an object, got ${value}`);
  });
});
