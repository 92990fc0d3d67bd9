// Heads that users write: a class of layers with forward and loss, over the encoder of any family.
import { AthanorError } from "../errors.js";
import type { Init, ParameterStore } from "../nn/parameter.js";
import { Tensor } from "../tensor/tensor.js";
import {
  type Batch,
  type BatchLabels,
  collateTokenLabels,
  collected,
  type Example,
  floatLabels,
  integerLabels,
  noLabels,
} from "./batch.js";
import { headInit, labelCount, type ModelConfig } from "./config.js";
import { dropoutEntry, type Head, type HeadKind, type HeadOutput, type NamedHead } from "./head.js";

/** What a head is made with. */
export interface HeadContext {
  /** Layers declare their parameters here, under the names that files will have. */
  parameters: ParameterStore;
  config: ModelConfig;
  /** Width C of the encoder's hidden states. */
  hiddenSize: number;
  /** How many labels there are: `labels` of fromPretrained, else id2label or num_labels of the config. */
  classes: number;
  /** `classifier_dropout` of the config, else the dropout between its layers. */
  dropout: number;
  /** How the encoder's weights started: normal, of the config's initializer_range. */
  init: Init;
}

/** What a head's forward reads. */
export interface HeadInputs {
  /** (T, C): a row for each token of the batch. */
  lastHiddenState: Tensor;
  /** (B, C), with `static readonly pooler = true`, where the family has a pooler. */
  poolerOutput?: Tensor;
  /** L+1 of (T, C): the embeddings and each layer's output, with `static readonly hiddenStates = true`. */
  hiddenStates?: Tensor[];
  /** Offsets, labels and what else collate() made. */
  batch: Batch;
  /** Whether dropout drops. */
  training: boolean;
}

/** A head: layers and what they do. */
export interface CustomHead {
  /** Named outputs; tasks read `logits`, if they are not told otherwise. */
  forward(inputs: HeadInputs): HeadOutput;
  /** The mean over the batch's `lossCount` labels, one element; called when there are labels. */
  loss(outputs: HeadOutput, batch: Batch): Tensor;
  /**
   * Labels, or other inputs, of examples as tensors of the batch: `batch.labels` is the one called labels,
   * `batch.extra` has all of them. Default: by `static readonly labels`. Examples have no labels when predicting.
   */
  collate?(examples: readonly Example[], device: string): BatchLabels;
}

/** The class of a head. */
export interface CustomHeadClass {
  new (context: HeadContext): CustomHead;
  /**
   * What `labels` of an example are: one class (the default), i32 (B); a class for each token, i32 (T), -100 where there
   * is none; or `classes` numbers, f32 (B, classes).
   */
  readonly labels?: "class" | "tokens" | "numbers";
  /** Whether forward reads poolerOutput; default false. */
  readonly pooler?: boolean;
  /** Whether forward reads hiddenStates; default false. */
  readonly hiddenStates?: boolean;
}

const dropoutOf = dropoutEntry("classifier_dropout");
const labelKinds = ["class", "tokens", "numbers"] as const;

/**
 * @param name what its architecture is called after the family's name and "For"
 * @throws ERR_ARGUMENT for a name that makes no class name, or what is no class of a head
 */
export function customHead(name: string, HeadClass: CustomHeadClass): NamedHead {
  if (typeof name !== "string" || !/^[A-Z][A-Za-z0-9]*$/.test(name)) {
    throw fault("name must be of letters and digits, a capital first", JSON.stringify(name));
  }
  if (typeof HeadClass !== "function") throw fault(`${name} must be a class`, typeof HeadClass);
  const { labels = "class", pooler = false, hiddenStates = false } = HeadClass;
  if (!labelKinds.includes(labels)) {
    throw fault(`${name}.labels must be one of ${labelKinds.join(", ")}`, JSON.stringify(labels));
  }
  const kind: HeadKind = {
    pooler,
    make(store, encoder, config) {
      const head = new HeadClass({
        parameters: store,
        config,
        hiddenSize: encoder.sizes.hidden,
        classes: labelCount(config),
        dropout: dropoutOf(config, encoder),
        init: headInit(config),
      });
      for (const method of ["forward", "loss"] as const) {
        if (typeof head[method] !== "function")
          throw fault(`${name} must have a method ${method}`, typeof head[method]);
      }
      return { ...adapted(name, head, labels, config), hiddenStates };
    },
  };
  return { name: `For${name}`, kind };
}

function adapted(
  name: string,
  head: CustomHead,
  labels: (typeof labelKinds)[number],
  config: ModelConfig,
): Head {
  return {
    collate: (examples, device) =>
      head.collate?.(examples, device) ?? collateLabels(examples, labels, labelCount(config), device),
    forward({ hidden, pooled, hiddenStates }, batch, training): HeadOutput {
      const inputs = { lastHiddenState: hidden, poolerOutput: pooled, hiddenStates, batch, training };
      const outputs = head.forward(inputs);
      if (typeof outputs !== "object" || outputs === null || outputs instanceof Tensor) {
        throw fault(
          `${name}.forward must give an object of tensors`,
          outputs === null ? "null" : typeof outputs,
        );
      }
      if (!batch.labels && batch.lossCount === 0) return outputs;
      const loss = head.loss(outputs, batch);
      if (!(loss instanceof Tensor) || loss.size !== 1) {
        const came = loss instanceof Tensor ? `shape (${loss.shape.join(", ")})` : typeof loss;
        throw fault(`${name}.loss must give a tensor of one element`, came);
      }
      return { ...outputs, loss };
    },
  };
}

function collateLabels(
  examples: readonly Example[],
  kind: (typeof labelKinds)[number],
  classes: number,
  device: string,
): BatchLabels {
  if (kind === "tokens") return collateTokenLabels(examples, device);
  const values = collected(examples, "labels", (example) => example.labels);
  if (!values) return noLabels;
  const labels =
    kind === "numbers"
      ? floatLabels(values, classes, device)
      : integerLabels(
          values.map((label) => (typeof label === "number" ? label : label[0])),
          "labels",
          device,
        );
  return { tensors: { labels }, lossCount: values.length };
}

function fault(needed: string, came: string): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `autoModelForHead: ${needed}, got ${came}`);
}
