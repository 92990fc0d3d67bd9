// LoRA on the products of a model that is loaded: arithmetic in nn/low-rank.ts.
import { AthanorError } from "../../errors.js";
import { getEngine } from "../../native/load.js";
import { LowRank } from "../../nn/low-rank.js";
import type { LinearPlace } from "../../nn/places.js";
import { add } from "../../tensor/ops/elementwise.js";
import { noGrad, scope, untracked } from "../../tensor/scope.js";
import { copyToDevice, handles, makeTensor, type Tensor } from "../../tensor/tensor.js";
import type { Model } from "../model.js";
import { Adapter, type AdapterOptions, requireAttachable } from "./adapter.js";

/** Names as in PEFT's LoraConfig, where `rank` is `r` and alpha `lora_alpha`. */
export interface LoraOptions extends AdapterOptions {
  /** From 1; default 8. */
  rank?: number;
  /** What is added is multiplied by alpha / rank; default: rank. */
  alpha?: number;
  /** Of what goes into A, while training; from 0 to below 1, default 0. */
  dropout?: number;
  /**
   * Which products: their whole names or the ends of them (`["query", "value"]`), or an expression found in them.
   * Default: the queries and values of attention, as Hu et al. found enough (section 7.1); of GPT-2, which has them in
   * one product with the keys, that product (`c_attn`).
   */
  targetModules?: readonly string[] | RegExp;
}

const DEFAULT_TARGETS = ["query", "value", "q_lin", "v_lin", "q_proj", "v_proj", "q", "v", "c_attn"];

export class Lora extends Adapter {
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  /** As in the options, or what was found by them. */
  readonly targetModules: readonly string[];
  readonly #added: LowRank[];
  /** The weights before merging, so that unmerging gives their bits. */
  #originals: Tensor[] | undefined;
  /** Which of A and B, all of them in order, were trained before merging. */
  #trained: boolean[] = [];

  /** @internal Use addLora(). */
  constructor(model: Model, options: LoraOptions) {
    const { rank, alpha, dropout, targets, places } = resolved(model, options);
    const added: LowRank[] = [];
    super(model, "Lora", options, (store) => {
      const isTraining = () => model.training;
      for (const place of places)
        added.push(new LowRank(store, place, { rank, scaling: alpha / rank, dropout, isTraining }));
    });
    for (const low of added) low.place.addition = low;
    this.rank = rank;
    this.alpha = alpha;
    this.dropout = dropout;
    this.targetModules = targets;
    this.#added = added;
  }

  override get merged(): boolean {
    return this.#originals !== undefined;
  }

  /**
   * W becomes W + alpha / rank · B A: the model computes what it did, in the time of the plain one. W stays beside it
   * (as much memory again as the weights that are changed), A and B are not trained meanwhile. Twice is fine.
   *
   * @throws ERR_DTYPE for weights in fewer bits
   */
  merge(): this {
    this.requireAttached("merge");
    if (this.merged) return this;
    if (this.model.dtype !== "f32") {
      throw new AthanorError("ERR_DTYPE", `Lora.merge: needs weights in f32, got ${this.model.dtype}`);
    }
    this.#originals = this.#added.map(({ place }) => copyOf(place.weight.tensor, this.model));
    const { native } = getEngine();
    for (const low of this.#added) {
      const { tensor } = low.place.weight;
      scope(() => noGrad(() => native.copy(handles.of(tensor), handles.of(add(tensor, low.delta())))));
      low.place.addition = undefined;
    }
    this.#trained = this.#own().map(({ requiresGrad }) => requiresGrad);
    for (const tensor of this.#own()) tensor.requiresGrad = false;
    return this;
  }

  /** Undoes merge(): the weights have their bits again. Twice is fine. */
  unmerge(): this {
    this.requireAttached("unmerge");
    if (!this.#originals) return this;
    const { native } = getEngine();
    for (const [i, low] of this.#added.entries()) {
      const { tensor } = low.place.weight;
      scope(() =>
        noGrad(() => native.copy(handles.of(tensor), handles.of(hereOf(this.#originals![i], tensor)))),
      );
      low.place.addition = low;
    }
    this.#free();
    this.#own().forEach((tensor, i) => {
      tensor.requiresGrad = this.#trained[i];
    });
    return this;
  }

  /** Merges for good: what remains is a plain model, which savePretrained() writes and Transformers loads. */
  mergeAndUnload(): Model {
    this.merge();
    this.#free();
    this.remove();
    return this.model;
  }

  #own(): Tensor[] {
    return this.#added.flatMap(({ a, b }) => [a.tensor, b.tensor]);
  }

  #free(): void {
    for (const original of this.#originals ?? []) original.dispose();
    this.#originals = undefined;
  }

  protected override detach(): void {
    this.unmerge();
    for (const { place } of this.#added) place.addition = undefined;
  }

  override release(): void {
    super.release();
    this.#free();
  }

  /** In PEFT's spelling. */
  override config(): Record<string, unknown> {
    return {
      peft_type: "LORA",
      task_type: null,
      base_model_name_or_path: null,
      r: this.rank,
      lora_alpha: this.alpha,
      lora_dropout: this.dropout,
      target_modules: this.targetModules,
      modules_to_save: this.modulesToSave.length > 0 ? this.modulesToSave : null,
      bias: "none",
      fan_in_fan_out: this.#added.some(({ place }) => place.fanInFanOut),
      init_lora_weights: true,
      inference_mode: true,
    };
  }
}

/**
 * Adds LoRA (Hu et al. 2021, arXiv:2106.09685) to a model and freezes all else but the head: what is trained and saved
 * is alpha / rank · B A beside each chosen weight. At first nothing has changed, as B is 0.
 *
 * @throws ERR_ARGUMENT for a rank of 0, targets that name no product, another adapter that is attached
 * @example
 * const lora = addLora(model, { rank: 8, alpha: 16, dropout: 0.1, targetModules: ["query", "value"] });
 * await new Trainer({ model, tokenizer, train: rows, args: { learningRate: 1e-3 } }).train();
 * await lora.save("./my-lora");
 */
export function addLora(model: Model, options: LoraOptions = {}): Lora {
  requireAttachable("addLora", model);
  return new Lora(model, options);
}

function resolved(model: Model, options: LoraOptions) {
  const { rank = 8, alpha = rank, dropout = 0, targetModules } = options;
  if (!Number.isSafeInteger(rank) || rank < 1) throw fault("rank", "an integer from 1", rank);
  if (!(typeof alpha === "number" && Number.isFinite(alpha))) throw fault("alpha", "a number", alpha);
  if (!(dropout >= 0 && dropout < 1)) throw fault("dropout", "a number from 0 to below 1", dropout);
  const all = model.store.places.linear;
  if (targetModules === undefined) {
    const targets = DEFAULT_TARGETS.filter((target) => all.some(({ name }) => endsWith(name, target)));
    return { rank, alpha, dropout, targets, places: chosen(all, targets) };
  }
  if (Array.isArray(targetModules)) {
    return { rank, alpha, dropout, targets: [...targetModules], places: chosen(all, targetModules) };
  }
  if (Object.prototype.toString.call(targetModules) !== "[object RegExp]") {
    throw fault("targetModules", "a list of names or a regular expression", targetModules);
  }
  const places = all.filter(({ name }) => name.search(targetModules as RegExp) >= 0);
  if (places.length === 0) throw unknownTarget(all, targetModules);
  return { rank, alpha, dropout, targets: places.map(({ name }) => name), places };
}

function chosen(all: readonly LinearPlace[], targets: readonly string[]): LinearPlace[] {
  for (const target of targets) {
    const known = typeof target === "string" && all.some(({ name }) => endsWith(name, target));
    if (!known) throw unknownTarget(all, JSON.stringify(target));
  }
  if (targets.length === 0) throw unknownTarget(all, "none");
  return all.filter(({ name }) => targets.some((target) => endsWith(name, target)));
}

/** As PEFT compares. */
const endsWith = (name: string, target: string) => name === target || name.endsWith(`.${target}`);

function unknownTarget(all: readonly LinearPlace[], came: unknown): AthanorError {
  const ends = [...new Set(all.map(({ name }) => name.slice(name.lastIndexOf(".") + 1)))];
  return fault("targetModules", `names of products (${ends.join(", ")}), or their ends`, came);
}

function fault(name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `addLora: ${name} must be ${needed}, got ${String(came)}`);
}

/** The same bits in memory of nobody else's. */
function copyOf(tensor: Tensor, { device, queue }: Model): Tensor {
  const copy = untracked(() => makeTensor(null, "f32", tensor.shape, device, queue));
  getEngine().native.copy(handles.of(copy), handles.of(tensor));
  return copy;
}

/** On the device of `other`, where the model may have moved since. */
function hereOf(tensor: Tensor, other: Tensor): Tensor {
  return tensor.device === other.device ? tensor : copyToDevice(tensor, other.device, 0);
}
