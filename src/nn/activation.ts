// Activations: their names in config.json files, and each as a function.
import { AthanorError } from "../errors.js";
import { gelu, geluQuick, geluTanh, relu, sigmoid, silu, tanh } from "../tensor/ops/elementwise.js";
import type { Activation } from "../tensor/ops/linear.js";
import type { Tensor } from "../tensor/tensor.js";

const byName = new Map<string, Activation>([
  ["gelu", "gelu"],
  ["gelu_python", "gelu"],
  ["gelu_new", "gelu_tanh"],
  ["gelu_pytorch_tanh", "gelu_tanh"],
  ["gelu_fast", "gelu_tanh"],
  ["quick_gelu", "gelu_quick"],
  ["relu", "relu"],
  ["silu", "silu"],
  ["swish", "silu"],
  ["tanh", "tanh"],
  ["sigmoid", "sigmoid"],
  ["linear", "none"],
]);

/** The activation that a config names in an entry. @throws ERR_CHECKPOINT for one that is not known */
export function activationOf(name: unknown, entry = "hidden_act"): Activation {
  const found = typeof name === "string" ? byName.get(name) : undefined;
  if (!found) {
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `config: ${entry} must be one of ${[...byName.keys()].join(", ")}, got ${name}`,
    );
  }
  return found;
}

const functions: Record<Activation, (x: Tensor) => Tensor> = {
  none: (x) => x,
  relu,
  gelu,
  gelu_tanh: geluTanh,
  gelu_quick: geluQuick,
  silu,
  tanh,
  sigmoid,
};

/** An activation on its own, where it cannot be part of a product. */
export function activated(x: Tensor, activation: Activation): Tensor {
  return functions[activation](x);
}
