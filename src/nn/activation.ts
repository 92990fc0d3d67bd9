// Names of activations in config.json files.
import { AthanorError } from "../errors.js";
import type { Activation } from "../tensor/ops/linear.js";

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
