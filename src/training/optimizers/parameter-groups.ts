// Which parameters an optimizer changes, and with what learning rate and weight decay: groups by name.
import { AthanorError } from "../../errors.js";
import { Tensor } from "../../tensor/tensor.js";

/** Parameters by name, as `model.parameters()` gives them. */
export type NamedParameters = ReadonlyMap<string, Tensor> | Iterable<readonly [string, Tensor]>;

/** Parameters with settings of their own. */
export interface ParameterGroup {
  parameters: NamedParameters;
  /** Keeps its ratio to the optimizer's learning rate when that is changed. */
  lr?: number;
  weightDecay?: number;
}

/** One parameter with what concerns it alone. */
export interface OptimizedParameter {
  name: string;
  tensor: Tensor;
  /** Times the optimizer's learning rate. */
  lrRatio: number;
  weightDecay: number;
}

interface GroupDefaults {
  who: string;
  lr: number;
  weightDecay: number;
  noDecay: (name: string) => boolean;
}

// get_decay_parameter_names of Transformers' Trainer: its patterns, and the spelling of its LayerNorm
// modules.
const NO_DECAY = /bias|layernorm|rmsnorm|(?:^|[._])norm(?:$|\.)|(?:^|\.)ln_/i;

/**
 * Whether a parameter gets no weight decay by default: biases and the weights of norms, as in Transformers'
 * Trainer (names that contain "bias", T5's relative_attention_bias too).
 */
export function isBiasOrNorm(name: string): boolean {
  return NO_DECAY.test(name);
}

/** All parameters of all groups. @throws ERR_ARGUMENT for a name that comes twice, or none at all */
export function optimizedParameters(
  parameters: NamedParameters | readonly ParameterGroup[],
  defaults: GroupDefaults,
): OptimizedParameter[] {
  const { who, lr, weightDecay, noDecay } = defaults;
  const found = new Map<string, OptimizedParameter>();
  for (const group of groupsOf(parameters, who)) {
    if (group.lr !== undefined && !(Number.isFinite(group.lr) && group.lr >= 0)) {
      throw fault(who, "the lr of a group", "a number from 0", group.lr);
    }
    if (group.lr !== undefined && lr === 0) throw fault(who, "lr", "above 0 where a group has its own", lr);
    const lrRatio = group.lr === undefined ? 1 : group.lr / lr;
    const decay = group.weightDecay ?? weightDecay;
    if (!Number.isFinite(decay) || decay < 0) throw fault(who, "weightDecay", "a number from 0", decay);
    for (const [name, tensor] of group.parameters) {
      if (typeof name !== "string") throw fault(who, "the name of a parameter", "a string", name);
      if (!(tensor instanceof Tensor)) throw fault(who, name, "a tensor", tensor);
      if (found.has(name)) throw fault(who, name, "in one group", "it twice");
      found.set(name, { name, tensor, lrRatio, weightDecay: noDecay(name) ? 0 : decay });
    }
  }
  if (found.size === 0) throw fault(who, "parameters", "at least one parameter", "none");
  return [...found.values()];
}

function groupsOf(parameters: NamedParameters | readonly ParameterGroup[], who: string): ParameterGroup[] {
  if (typeof (parameters as Iterable<unknown>)?.[Symbol.iterator] !== "function") {
    throw fault(who, "parameters", "a Map of tensors by name, or a list of groups", typeof parameters);
  }
  const isGroup = (entry: unknown): entry is ParameterGroup =>
    typeof entry === "object" && entry !== null && "parameters" in entry;
  if (Array.isArray(parameters) && parameters.some(isGroup)) {
    if (parameters.every(isGroup)) return parameters;
    throw fault(who, "parameters", "groups only, or parameters only", "both");
  }
  return [{ parameters: parameters as NamedParameters }];
}

function fault(who: string, name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `${who}: ${name} must be ${needed}, got ${String(came)}`);
}
