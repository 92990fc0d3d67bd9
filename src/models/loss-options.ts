// What a user may ask of a head's loss: label smoothing, weights of classes, weights of positive targets.
import { AthanorError } from "../errors.js";
import { add, mul, sub } from "../tensor/ops/elementwise.js";
import {
  bceWithLogits,
  crossEntropy,
  type LinearCrossEntropyOptions,
  linearCrossEntropy,
  mse,
} from "../tensor/ops/loss.js";
import { mean } from "../tensor/ops/reduce.js";
import { segmentCrossEntropy, segmentReduce } from "../tensor/ops/segment.js";
import { gatherRows } from "../tensor/ops/shape.js";
import { untracked } from "../tensor/scope.js";
import { type Tensor, tensor } from "../tensor/tensor.js";

export interface LossOptions {
  /** From 0 to 1: this share of each label is spread evenly over all classes (Szegedy et al. 2016); default 0. */
  labelSmoothing?: number;
  /** One per class, in order of their ids: the loss becomes the mean by the weights of the labels, as in PyTorch. */
  classWeights?: readonly number[];
  /** Multi-label heads: the weight of positive targets, for each class or for all. */
  posWeight?: readonly number[] | number;
}

export type LossOption = keyof LossOptions;

/** The loss functions of a head, with the options that were asked for. */
export class HeadLoss {
  readonly #smoothing: number;
  readonly #weights: Tensor | null;
  readonly #positive: Tensor | null;

  /**
   * @param known the options that the head has
   * @param classes how many classes there are
   * @throws ERR_ARGUMENT for an option that the head does not have, or out of range
   */
  constructor(
    readonly options: LossOptions = {},
    { known, classes, device }: { known: readonly LossOption[]; classes: number; device: string },
  ) {
    const { labelSmoothing = 0, classWeights, posWeight } = options;
    for (const name of Object.keys(options) as LossOption[]) {
      if (options[name] === undefined || (name === "labelSmoothing" && labelSmoothing === 0)) continue;
      if (!known.includes(name)) throw fault(name, "left out for a head whose loss has no such thing", "one");
    }
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
      throw fault("labelSmoothing", "a number from 0 to 1", labelSmoothing);
    }
    const make = (name: LossOption, values: readonly number[] | undefined) => {
      if (values === undefined) return null;
      const fits = values.length === classes && values.every((value) => value >= 0 && Number.isFinite(value));
      if (!fits) throw fault(name, `${classes} numbers from 0, one per class`, `[${values}]`);
      return untracked(() => tensor(values, [classes], { device: device as "cpu" }));
    };
    const positive = typeof posWeight === "number" ? new Array<number>(classes).fill(posWeight) : posWeight;
    this.#smoothing = labelSmoothing;
    this.#weights = make("classWeights", classWeights);
    this.#positive = make("posWeight", positive);
  }

  crossEntropy(logits: Tensor, labels: Tensor): Tensor {
    this.#refuse("single-label classification", "posWeight");
    return crossEntropy(logits, labels, { labelSmoothing: this.#smoothing, weight: this.#weights });
  }

  linearCrossEntropy(
    x: Tensor,
    weight: Tensor,
    labels: Tensor,
    options: Pick<LinearCrossEntropyOptions, "bias" | "scale">,
  ): Tensor {
    return linearCrossEntropy(x, weight, labels, { ...options, labelSmoothing: this.#smoothing });
  }

  bceWithLogits(logits: Tensor, labels: Tensor): Tensor {
    this.#refuse("multi-label classification", "classWeights", "labelSmoothing");
    return bceWithLogits(logits, labels, { posWeight: this.#positive });
  }

  mse(logits: Tensor, targets: Tensor): Tensor {
    this.#refuse("regression", "classWeights", "labelSmoothing", "posWeight");
    return mse(logits, targets);
  }

  /**
   * One right row of each segment; logits (T), labelRows i32 (B): where the right ones are among all. With smoothing
   * log(sum) - ((1 - s) right + s mean), which is that of cross entropy over as many classes as the segment has rows.
   */
  segmentCrossEntropy(logits: Tensor, offsets: Tensor, labels: Tensor, labelRows: Tensor): Tensor {
    const loss = segmentCrossEntropy(logits, offsets, labels);
    if (this.#smoothing === 0) return loss;
    const column = logits.reshape([-1, 1]);
    const gain = sub(gatherRows(column, labelRows), segmentReduce(column, offsets, "mean")); // (B, 1)
    return add(loss, mul(mean(gain), this.#smoothing));
  }

  /** What the mean over these labels divides by, where that is not their number: the sum of their weights. */
  weightOf(labels: Iterable<number>): number | undefined {
    const weights = this.options.classWeights;
    if (!weights) return undefined;
    let sum = 0;
    for (const label of labels) sum += weights[label] ?? 0; // -100: not counted
    return sum;
  }

  /** What the head has for other kinds of labels than this batch's. */
  #refuse(kind: string, ...names: LossOption[]): void {
    const odd = names.find((name) => this.options[name] && this.options[name] !== 0);
    if (odd !== undefined) throw fault(odd, `left out for ${kind}`, "one");
  }

  dispose(): void {
    this.#weights?.dispose();
    this.#positive?.dispose();
  }
}

function fault(name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `loss: ${name} must be ${needed}, got ${String(came)}`);
}
