// Element-wise ops: functions of one tensor, arithmetic with broadcasting, and the choice between two.
import { AthanorError } from "../../errors.js";
import { callOp, handleOf } from "../call.js";
import type { Tensor } from "../tensor.js";

// The numbers of Function and Arithmetic in native/core/function.h.
const functions = {
  relu: 1,
  gelu: 2,
  gelu_tanh: 3,
  gelu_quick: 4,
  silu: 5,
  tanh: 6,
  sigmoid: 7,
  exp: 8,
  log: 9,
  sqrt: 10,
} as const;
const operations = { add: 0, sub: 1, mul: 2, div: 3 } as const;

function apply(name: keyof typeof functions, x: Tensor): Tensor {
  return callOp("apply", handleOf(x, name, "x"), functions[name]);
}

/**
 * max(x, 0); its gradient at 0 is 0, as torch.relu.
 * @param x f32, any shape
 * @example ops.relu(tensor([-1, 2], [2])); // [0, 2]
 */
export function relu(x: Tensor): Tensor {
  return apply("relu", x);
}

/**
 * The exact GELU, x Φ(x) with Φ the normal distribution function (Hendrycks & Gimpel 2016, section 2);
 * torch's gelu, BERT's "gelu".
 * @param x f32, any shape
 * @example ops.gelu(tensor([1], [1])); // [0.8413]
 */
export function gelu(x: Tensor): Tensor {
  return apply("gelu", x);
}

/**
 * GELU by tanh: 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))) (Hendrycks & Gimpel 2016, section 2); GPT-2's
 * "gelu_new", torch's gelu(approximate="tanh").
 * @param x f32, any shape
 * @example ops.geluTanh(tensor([1], [1])); // [0.8412]
 */
export function geluTanh(x: Tensor): Tensor {
  return apply("gelu_tanh", x);
}

/**
 * x · sigmoid(1.702 x) (Hendrycks & Gimpel 2016, section 2); Transformers' "quick_gelu".
 * @param x f32, any shape
 * @example ops.geluQuick(tensor([1], [1])); // [0.8458]
 */
export function geluQuick(x: Tensor): Tensor {
  return apply("gelu_quick", x);
}

/**
 * x · sigmoid(x), also called swish; torch's silu.
 * @param x f32, any shape
 * @example ops.silu(tensor([1], [1])); // [0.7311]
 */
export function silu(x: Tensor): Tensor {
  return apply("silu", x);
}

/**
 * The hyperbolic tangent.
 * @param x f32, any shape
 * @example ops.tanh(tensor([1], [1])); // [0.7616]
 */
export function tanh(x: Tensor): Tensor {
  return apply("tanh", x);
}

/**
 * 1 / (1 + exp(-x)).
 * @param x f32, any shape
 * @example ops.sigmoid(tensor([0], [1])); // [0.5]
 */
export function sigmoid(x: Tensor): Tensor {
  return apply("sigmoid", x);
}

/**
 * e to the power x.
 * @param x f32, any shape
 * @example ops.exp(tensor([0, 1], [2])); // [1, 2.7183]
 */
export function exp(x: Tensor): Tensor {
  return apply("exp", x);
}

/**
 * The natural logarithm: -Infinity at 0, NaN below.
 * @param x f32, any shape
 * @example ops.log(tensor([1], [1])); // [0]
 */
export function log(x: Tensor): Tensor {
  return apply("log", x);
}

/**
 * The square root: NaN below 0. Its gradient at 0 is infinite.
 * @param x f32, any shape
 * @example ops.sqrt(tensor([4], [1])); // [2]
 */
export function sqrt(x: Tensor): Tensor {
  return apply("sqrt", x);
}

function arithmetic(name: keyof typeof operations, a: Tensor | number, b: Tensor | number): Tensor {
  if (typeof a !== "number" && typeof b !== "number") {
    return callOp("arithmetic", handleOf(a, name, "a"), handleOf(b, name, "b"), operations[name], 0);
  }
  if (typeof a !== "number")
    return callOp("arithmetic", handleOf(a, name, "a"), 0, operations[name], b as number);
  if (typeof b !== "number") return callOp("arithmetic", 0, handleOf(b, name, "b"), operations[name], a);
  throw new AthanorError("ERR_ARGUMENT", `${name}: a or b must be a tensor, got two numbers`);
}

/**
 * a + b. Both f32, of the same shape; or one of them is, against (..., C), a row (C) or (1, C); against
 * (T, C) a column (T, 1); against anything a tensor of one element, or a number. Ranges of columns are read as
 * they are. Gradients of what was broadcast are summed.
 * @throws ERR_SHAPE for any other pair of shapes
 * @example ops.add(x, bias); // (T, C) + (C)
 */
export function add(a: Tensor | number, b: Tensor | number): Tensor {
  return arithmetic("add", a, b);
}

/**
 * a - b, with the shapes of {@link add}.
 * @example ops.sub(1, x);
 */
export function sub(a: Tensor | number, b: Tensor | number): Tensor {
  return arithmetic("sub", a, b);
}

/**
 * a · b element by element, with the shapes of {@link add}.
 * @example ops.mul(x, 0.5);
 */
export function mul(a: Tensor | number, b: Tensor | number): Tensor {
  return arithmetic("mul", a, b);
}

/**
 * a / b, with the shapes of {@link add}. Division by zero gives ±Infinity or NaN, as IEEE 754 says.
 * @example ops.div(x, ops.sum(x));
 */
export function div(a: Tensor | number, b: Tensor | number): Tensor {
  return arithmetic("div", a, b);
}

/**
 * -x.
 * @param x f32, any shape
 * @example ops.neg(tensor([1, -2], [2])); // [-1, 2]
 */
export function neg(x: Tensor): Tensor {
  // A product, not 0 - x: that would turn -0 into 0.
  return callOp("arithmetic", handleOf(x, "neg", "x"), 0, operations.mul, -1);
}

/**
 * `a` where the condition is not zero, else `b`; gradients go to `a` and `b`.
 *
 * @param condition u8, i32 or f32, any shape: the shape of the result (NaN counts as not zero)
 * @param a f32 of the same shape, of one element, or a number
 * @param b likewise
 * @throws ERR_SHAPE, ERR_DTYPE
 * @example ops.where(tensor(Uint8Array.of(1, 0), [2]), x, -Infinity);
 */
export function where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  const [first, firstNumber] = typeof a === "number" ? [0, a] : [handleOf(a, "where", "a"), 0];
  const [second, secondNumber] = typeof b === "number" ? [0, b] : [handleOf(b, "where", "b"), 0];
  return callOp("where", handleOf(condition, "where", "condition"), first, second, firstNumber, secondNumber);
}
