// The element-wise functions at the size of BERT-base's feed-forward layer.
import {
  exp,
  gelu,
  geluQuick,
  geluTanh,
  log,
  relu,
  sigmoid,
  silu,
  sqrt,
  tanh,
} from "../../src/tensor/ops/elementwise.js";
import { benchOp, elementLoop } from "../support/op.js";

const shape = [1024, 3072];
const n = shape[0] * shape[1];
const functions = { relu, gelu, geluTanh, geluQuick, silu, tanh, sigmoid, exp, log, sqrt };
const loops: Record<string, (x: number) => number> = {
  relu: (x) => Math.max(x, 0),
  geluTanh: (x) => 0.5 * x * (1 + Math.tanh(0.7978845608 * (x + 0.044715 * x * x * x))),
  silu: (x) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
};
for (const [name, fn] of Object.entries(functions)) {
  const f = loops[name];
  await benchOp({
    op: "apply",
    variant: name,
    shapes: [shape],
    fn,
    prepare: name === "log" || name === "sqrt" ? (v) => Math.abs(v) + 0.1 : undefined,
    floats: { forward: 2 * n, both: 5 * n },
    loop: f && elementLoop(([x], i) => f(x[i])),
  });
}
