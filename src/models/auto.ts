// The Auto classes: one per head, for whatever family a folder or config names.
import { AthanorError } from "../errors.js";
import { generationConfigOfModel, readGenerationConfig } from "../generation/config-file.js";
import { type HubOptions, pretrainedFolder, takeHubOptions } from "../hub/index.js";
import type { Priority } from "../native/contract.js";
import type { WeightType } from "../nn/parameter.js";
import type { Device } from "../tensor/tensor.js";
import { resolveCheckpoint } from "./checkpoint-files.js";
import { type ModelConfig, plainConfig, readConfig, withLabels } from "./config.js";
import { type CustomHeadClass, customHead } from "./custom-head.js";
import { modelParts } from "./families.js";
import type { HeadName, NamedHead } from "./head.js";
import { MODEL_FILES } from "./hub-files.js";
import { checkedDtype, initialize, loadModel } from "./load-model.js";
import type { LossOptions } from "./loss-options.js";
import { type LoadReport, Model } from "./model.js";

export interface FromConfigOptions extends LossOptions {
  device?: Device;
  /** Names of the classes, in order of their ids. */
  labels?: readonly string[];
  /** "high": requests do not wait for other models' work; "low": only when nothing else waits. */
  priority?: Priority;
  /** Seed of fresh weights and of dropout; default 0. */
  seed?: number;
}

export interface FromPretrainedOptions extends FromConfigOptions, HubOptions {
  /**
   * How the weights of products are stored: "bf16" (arithmetic in fp32) and "int8" (with 8-bit activations) halve
   * and quarter what is read of them, for inference only. Embeddings, norms, biases and matrices with fewer than
   * 64 outputs stay in f32. See docs/inference.md for what it costs in accuracy. Default "f32".
   */
  dtype?: WeightType;
  /** Replaces entries of the folder's config.json, in its spelling. */
  config?: ModelConfig;
  /** Parameters whose shapes differ start afresh instead of being an error. */
  ignoreMismatchedSizes?: boolean;
  /** Called with the load report when it is not empty. */
  onReport?: (report: LoadReport) => void;
}

/** One head, any family. */
export interface AutoClass {
  /**
   * Loads a model folder as Transformers writes it: config.json and model.safetensors (or shards with an index).
   * A name that is no folder is a repository of the Hugging Face Hub (`"org/name"`), fetched into the Hub's cache.
   *
   * @throws ERR_CHECKPOINT naming the file and what is wrong with it; ERR_HUB: neither a folder nor a repository that
   *   can be fetched; ERR_ABORTED by the signal
   */
  fromPretrained(name: string, options?: FromPretrainedOptions): Promise<Model>;
  /** Fresh weights, initialised as Transformers does. */
  fromConfig(config: ModelConfig, options?: FromConfigOptions): Promise<Model>;
}

function auto(head: HeadName | NamedHead): AutoClass {
  return {
    async fromPretrained(name, options = {}) {
      if (typeof name !== "string")
        throw new AthanorError("ERR_ARGUMENT", `fromPretrained: folder must be a string, got ${typeof name}`);
      const { hub } = takeHubOptions("fromPretrained", options);
      checkedDtype(options);
      const folder = await pretrainedFolder("fromPretrained", name, MODEL_FILES, hub);
      let config = {
        ...(await readConfig(folder)),
        ...plainConfig(options.config ?? {}, "fromPretrained: config"),
      };
      if (options.labels) config = withLabels(config, options.labels);
      const generationConfig = await readGenerationConfig(folder, config);
      const found = await resolveCheckpoint(folder);
      const { parts, rules } = modelParts(config, head, (tensor) => found.has(tensor));
      const model = await loadModel(
        { folder, parts, rules, found },
        options,
        () => new Model(parts, options),
      );
      model.generationConfig = generationConfig;
      return model;
    },
    async fromConfig(config, options = {}) {
      const plain = plainConfig(config, "fromConfig: config");
      const labelled = options.labels ? withLabels(plain, options.labels) : plain;
      const model = new Model(modelParts(labelled, head).parts, options);
      initialize(model, () => true, options.seed);
      model.generationConfig = generationConfigOfModel(labelled);
      return model;
    },
  };
}

/**
 * The Auto class of a head of one's own: an encoder of any family under it (docs/extending.md).
 *
 * @param name of the architecture, as in `BertForNAME`; files tell by it what they hold
 * @throws ERR_ARGUMENT
 * @example
 * class Mean {
 *   readonly output;
 *   constructor({ parameters, hiddenSize, classes, init }: HeadContext) {
 *     this.output = new nn.Linear(parameters, "output", hiddenSize, classes, init);
 *   }
 *   forward({ lastHiddenState, batch }: HeadInputs) {
 *     return { logits: this.output.forward(ops.segmentReduce(lastHiddenState, batch.offsets, "mean")) };
 *   }
 *   loss({ logits }: { logits: Tensor }, batch: Batch) {
 *     return ops.crossEntropy(logits, batch.labels!);
 *   }
 * }
 * const model = await autoModelForHead("MeanPooling", Mean).fromPretrained("./bert", { labels: ["no", "yes"] });
 */
export function autoModelForHead(name: string, HeadClass: CustomHeadClass): AutoClass {
  return auto(customHead(name, HeadClass));
}

export const AutoModel = auto("Model");
export const AutoModelForPreTraining = auto("ForPreTraining");
export const AutoModelForMaskedLM = auto("ForMaskedLM");
export const AutoModelForNextSentencePrediction = auto("ForNextSentencePrediction");
export const AutoModelForSequenceClassification = auto("ForSequenceClassification");
export const AutoModelForTokenClassification = auto("ForTokenClassification");
export const AutoModelForMultipleChoice = auto("ForMultipleChoice");
export const AutoModelForQuestionAnswering = auto("ForQuestionAnswering");
/** Decoders that predict the next token: GPT-2, and BERT with `is_decoder: true` in its config. */
export const AutoModelForCausalLM = auto("ForCausalLM");
/** Encoder-decoders: T5, mT5, BART, mBART, Marian. */
export const AutoModelForSeq2SeqLM = auto("ForSeq2SeqLM");
