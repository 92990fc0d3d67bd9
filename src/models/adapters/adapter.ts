// What LoRA and bottleneck adapters have in common: few parameters of their own beside a model whose others are frozen.
import { AthanorError } from "../../errors.js";
import type { ParameterStore } from "../../nn/parameter.js";
import { Generator } from "../../tensor/random.js";
import type { Tensor } from "../../tensor/tensor.js";
import type { Model } from "../model.js";
import { saveAdapter } from "./files.js";

export interface AdapterOptions {
  /**
   * Modules beside the adapter's own that are trained and saved with it: the first parts of their parameters' names.
   * Default: the head's, but for the heads of language models.
   */
  modulesToSave?: readonly string[];
  /** Of fresh weights; default 0. */
  seed?: number;
}

// Their heads belong to the pre-trained model.
const LANGUAGE_MODEL =
  /(MaskedLM|PreTraining|LMHeadModel|ConditionalGeneration|MTModel|EncoderDecoderModel)$/;

// Apart from those of the model's own fresh weights.
const FIRST_CALL = 2 ** 41;

export abstract class Adapter {
  /** Parameters of its own, as model.parameters() has them. */
  readonly names: ReadonlySet<string>;
  readonly modulesToSave: readonly string[];
  /** Those that were trained before. */
  readonly #frozen: string[] = [];
  #attached = true;

  /** @param declare makes the parameters; what uses them is attached when all have their memory */
  protected constructor(
    readonly model: Model,
    private readonly who: string,
    options: AdapterOptions,
    declare: (store: ParameterStore) => void,
  ) {
    const { store } = model;
    this.modulesToSave = checkedModules(who, model, options.modulesToSave);
    const generator = new Generator(options.seed ?? 0, FIRST_CALL);
    const before = new Set([...store.all()].map(({ name }) => name));
    const own = () => new Set([...store.all()].map(({ name }) => name).filter((name) => !before.has(name)));
    try {
      declare(store);
      this.names = own();
      model.declared();
      store.initialize((name) => this.names.has(name), generator, model.queue);
    } catch (error) {
      store.remove(own()); // names that are there already, or more than there is memory for
      throw error;
    }
    for (const [name, parameter] of model.parameters()) {
      if (this.names.has(name) || this.#isSaved(name) || !parameter.requiresGrad) continue;
      parameter.requiresGrad = false;
      this.#frozen.push(name);
    }
    model.adapter = this;
  }

  /** Whether the model's weights hold what it adds. */
  get merged(): boolean {
    return false;
  }

  /** What is trained and saved: its own parameters and those of `modulesToSave`. */
  parameters(): Map<string, Tensor> {
    this.requireAttached("parameters");
    const all = [...this.model.parameters()];
    return new Map(all.filter(([name]) => this.names.has(name) || this.#isSaved(name)));
  }

  #isSaved(name: string): boolean {
    return this.modulesToSave.some((module) => name === module || name.startsWith(`${module}.`));
  }

  /** What adapter_config.json holds. */
  abstract config(): Record<string, unknown>;

  /**
   * Writes adapter_config.json and adapter_model.safetensors: parameters() alone. Rejects with ERR_CHECKPOINT; old files
   * stay when anything fails.
   */
  async save(folder: string): Promise<void> {
    const values = this.model.weights();
    const own = [...this.parameters().keys()].map((name): [string, Tensor] => {
      const value = values.get(name);
      if (!value) throw this.fault("save: must be unmerged, got merged weights");
      return [name, value];
    });
    await saveAdapter(folder, own, this.config());
  }

  /** The model is as it was before, but for what `modulesToSave` learnt; parameters of its own are freed. */
  remove(): void {
    this.requireAttached("remove");
    this.detach();
    this.#attached = false;
    this.model.store.remove(this.names);
    this.model.adapter = undefined;
    this.model.declared();
    for (const name of this.#frozen) this.model.parameters().get(name)!.requiresGrad = true;
  }

  /** Takes it out of the layers. */
  protected abstract detach(): void;

  /** @internal Frees what it holds beside parameters; the model is going. */
  release(): void {
    this.#attached = false;
  }

  /** @internal @throws ERR_ARGUMENT naming the ways to save a model that has it */
  requireMerged(method: string): void {
    if (this.merged) return;
    const ways = "adapter.save(folder) writes it alone, merge() (of LoRA) puts it into the weights";
    const message = `${method}: needs a model whose adapter is merged or removed, got ${this.who}: ${ways}`;
    throw new AthanorError("ERR_ARGUMENT", message);
  }

  protected requireAttached(method: string): void {
    if (!this.#attached) throw new AthanorError("ERR_DISPOSED", `${this.who}.${method}: was removed`);
  }

  protected fault(message: string): AthanorError {
    return new AthanorError("ERR_ARGUMENT", `${this.who}.${message}`);
  }
}

/** @throws ERR_ARGUMENT where one is attached already, ERR_DTYPE where weights are in bf16 on a GPU */
export function requireAttachable(who: string, model: Model): void {
  if (model.adapter) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${who}: model must have no adapter yet (remove it first), got one`,
    );
  }
  if (model.dtype === "bf16" && model.device !== "cpu") {
    throw new AthanorError("ERR_DTYPE", `${who}: needs weights in f32 or int8 on a GPU, got bf16`);
  }
}

function checkedModules(who: string, model: Model, modules: readonly string[] | undefined): string[] {
  if (modules === undefined) {
    const heads = LANGUAGE_MODEL.test(model.architecture) ? [] : (model.parts.headParameters ?? []);
    return [...new Set(heads.map((name) => name.split(".")[0]))];
  }
  const needed = (came: unknown) =>
    new AthanorError(
      "ERR_ARGUMENT",
      `${who}: modulesToSave must be names of modules (${topModules(model).join(", ")}, ...), got ${String(came)}`,
    );
  if (!Array.isArray(modules)) throw needed(typeof modules);
  const names = [...model.parameters().keys()];
  for (const module of modules) {
    const known = names.some((name) => name === module || name.startsWith(`${module}.`));
    if (!known) throw needed(JSON.stringify(module));
  }
  return [...modules];
}

function topModules(model: Model): string[] {
  return [...new Set([...model.parameters().keys()].map((name) => name.split(".")[0]))];
}
