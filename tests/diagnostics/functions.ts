// Losses whose gradients, noise and curvature are known.

import type { Subject } from "../../src/diagnostics/index.js";
import { ops, scope, type Tensor, tensor } from "../../src/index.js";
import { randomData } from "../support/random.js";

/** A symmetric matrix with these eigenvalues: reflections turn a diagonal one. Rows one after another. */
export function symmetricWith(eigenvalues: readonly number[], seed: number): Float64Array {
  const n = eigenvalues.length;
  const a = Float64Array.from({ length: n * n }, (_, i) =>
    i % (n + 1) === 0 ? eigenvalues[i / (n + 1)] : 0,
  );
  for (let turn = 0; turn < 3; turn++) {
    const v = randomData([n], seed + turn);
    const square = v.reduce((sum, value) => sum + value * value, 0);
    for (const byRows of [true, false]) {
      for (let i = 0; i < n; i++) {
        const at = (j: number) => (byRows ? i * n + j : j * n + i);
        let product = 0;
        for (let j = 0; j < n; j++) product += a[at(j)] * v[j];
        for (let j = 0; j < n; j++) a[at(j)] -= (2 * product * v[j]) / square;
      }
    }
  }
  return a;
}

/** w A w / 2 over parameters in two tensors (half of them each). */
export function quadratic(matrix: ArrayLike<number>, at: readonly number[]): Subject & { w: Tensor[] } {
  const n = at.length;
  const half = n >> 1;
  const a = tensor(Array.from(matrix), [n, n]);
  const w = [at.slice(0, half), at.slice(half)].map((values) =>
    tensor(values, [1, values.length], { requiresGrad: true }),
  );
  const loss = () =>
    scope(() => {
      const whole = ops.concat(w, 1);
      return ops.mul(ops.sum(ops.mul(ops.matmul(whole, a), whole)), 0.5);
    });
  return {
    w,
    parameters: new Map([
      ["first", w[0]],
      ["second", w[1]],
    ]),
    batches: 1,
    loss,
  };
}

/** A function of one row of parameters, without batches. */
export function functionOf(at: readonly number[], loss: (w: Tensor) => Tensor): Subject & { w: Tensor } {
  const w = tensor([...at], [1, at.length], { requiresGrad: true });
  return { w, parameters: new Map([["w", w]]), batches: 1, loss: () => scope(() => loss(w)) };
}

export interface Regression extends Subject {
  /** The loss in float64, as a function of weights (classes, features) and biases, one after another. */
  exact(weights: ArrayLike<number>): number;
  weights: Float32Array;
}

/** Softmax regression over random rows, in batches of unequal size. */
export function softmaxRegression(seed: number, { rows = 30, features = 4, classes = 3 } = {}): Regression {
  const x = randomData([rows, features], seed, 1.5);
  const labels = Int32Array.from(
    { length: rows },
    (_, i) => (i * 7 + (x[i * features] > 0 ? 1 : 0)) % classes,
  );
  const weights = randomData([classes * (features + 1)], seed + 1, 0.7);
  const weight = tensor(weights.slice(0, classes * features), [classes, features], { requiresGrad: true });
  const bias = tensor(weights.slice(classes * features), [classes], { requiresGrad: true });
  const ends = [0, 12, 24, rows];
  const batches = ends.slice(1).map((end, i) => ({
    x: tensor(x.slice(ends[i] * features, end * features), [end - ends[i], features]),
    labels: tensor(labels.slice(ends[i], end), [end - ends[i]]),
    weight: end - ends[i],
  }));
  const exact = (w: ArrayLike<number>) => {
    let sum = 0;
    for (let row = 0; row < rows; row++) {
      const logits = Array.from({ length: classes }, (_, c) => {
        let logit = w[classes * features + c];
        for (let j = 0; j < features; j++) logit += w[c * features + j] * x[row * features + j];
        return logit;
      });
      sum += Math.log(logits.reduce((all, logit) => all + Math.exp(logit), 0)) - logits[labels[row]];
    }
    return sum / rows;
  };
  return {
    ...{
      parameters: new Map([
        ["weight", weight],
        ["bias", bias],
      ]),
      batches: 3,
      rows: [12, 12, 6],
      exact,
      weights,
    },
    loss: (i) => {
      const { x: inputs, labels: wanted, weight: count } = batches[i];
      return { loss: scope(() => ops.crossEntropy(ops.linear(inputs, weight, bias), wanted)), weight: count };
    },
  };
}

/** The Hessian of a float64 function by central second differences. */
export function denseHessian(f: (w: ArrayLike<number>) => number, at: ArrayLike<number>): number[][] {
  const step = 1e-4;
  const moved = (i: number, a: number, j: number, b: number) => {
    const w = Float64Array.from(at);
    w[i] += a * step;
    w[j] += b * step;
    return f(w);
  };
  return Array.from(at, (_, i) =>
    Array.from(at, (_, j) => {
      const sum = moved(i, 1, j, 1) - moved(i, 1, j, -1) - moved(i, -1, j, 1) + moved(i, -1, j, -1);
      return sum / (4 * step * step);
    }),
  );
}
