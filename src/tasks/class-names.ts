// The classes of a model, as every task with classes needs them.
import type { TrainableModel } from "../training/task.js";

/** The names of the model's classes by id. */
export function labelNames(model: TrainableModel): string[] {
  const { id2label, num_labels: count = 2 } = model.config as {
    id2label?: Record<string, string>;
    num_labels?: number;
  };
  if (id2label) return Array.from(Object.keys(id2label), (_, id) => id2label[id] ?? `LABEL_${id}`);
  return Array.from({ length: count }, (_, id) => `LABEL_${id}`);
}

/** A label of a row as ids or numbers. Throws ERR_DATA naming row and column. */
