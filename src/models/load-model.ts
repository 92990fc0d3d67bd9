// Makes a model of its parts and a folder's tensors; what the folder lacks starts afresh.
import { AthanorError } from "../errors.js";
import { emptyCache, synchronize } from "../tensor/device.js";
import { Generator } from "../tensor/random.js";
import type { Device } from "../tensor/tensor.js";
import type { FromPretrainedOptions } from "./auto.js";
import { type NameRules, planLoad, readWeights } from "./checkpoint.js";
import type { CheckpointTensor } from "./checkpoint-files.js";
import type { Model, ModelParts } from "./model.js";

/** How weights are to be stored: to be asked for before anything is fetched. @throws ERR_ARGUMENT */
export function checkedDtype({ dtype = "f32" }: FromPretrainedOptions): "f32" | "bf16" | "int8" {
  if (["f32", "bf16", "int8"].includes(dtype)) return dtype;
  throw new AthanorError(
    "ERR_ARGUMENT",
    `fromPretrained: dtype must be "f32", "bf16" or "int8", got "${String(dtype)}"`,
  );
}

/** A folder's tensors, and the parts of the model that they are for. */
export interface LoadSource {
  folder: string;
  parts: ModelParts;
  rules: NameRules;
  found: ReadonlyMap<string, CheckpointTensor>;
}

/** Throws ERR_CHECKPOINT for weights that do not fit, ERR_ARGUMENT for an unknown dtype. */
export async function loadModel<M extends Model>(
  { folder, parts, rules, found }: LoadSource,
  options: FromPretrainedOptions,
  make: () => M,
): Promise<M> {
  const dtype = checkedDtype(options);
  const { ignoreMismatchedSizes } = options;
  const plan = planLoad(parts.store, found, rules, { folder, ignoreMismatchedSizes });
  const model = make();
  try {
    initialize(model, (name) => plan.fresh.has(name), options.seed);
    await readWeights(plan);
    if (dtype !== "f32") {
      model.reduce(dtype);
      await synchronize(model.device as Device);
      emptyCache(model.device as Device); // the f32 weights are gone for good
    }
  } catch (error) {
    model.dispose();
    throw error;
  }
  model.loadReport = plan.report;
  const { missing, unexpected, mismatched } = plan.report;
  if (missing.length + unexpected.length + mismatched.length > 0) options.onReport?.(plan.report);
  return model;
}

/** Weights come from a generator of their own, so that dropout does not depend on how many were missing. */
export function initialize(model: Model, wanted: (name: string) => boolean, seed = 0): void {
  model.store.initialize(wanted, new Generator(seed, 2 ** 40), model.queue);
}
