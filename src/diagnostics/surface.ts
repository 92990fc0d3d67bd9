// The loss around the parameters as they are: losses and gradients there and at places near by. The parameters come back
// to the same bits when it is closed.
import { AthanorError } from "../errors.js";
import { ready } from "../tensor/device.js";
import { noGrad } from "../tensor/scope.js";
import type { Tensor } from "../tensor/tensor.js";
import { Rest, throwIfAborted } from "../training/rest.js";
import { type BatchLoss, diagnosticsFault, type Subject } from "./subject.js";
import { addScaled, divided, type Vector } from "./vectors.js";

export interface SurfaceOptions {
  /** Only parameters whose names match; default: all that are not frozen. */
  parameters?: RegExp | ((name: string) => boolean);
  signal?: AbortSignal;
}

/** Where a parameter lies in a vector of them all. */
export interface Part {
  name: string;
  tensor: Tensor;
  offset: number;
  size: number;
}

export interface LossAndGradient {
  loss: number;
  gradient: Float64Array;
}

export class LossSurface {
  readonly parts: readonly Part[];
  /** All parts together. */
  readonly size: number;
  readonly rest: Rest;
  /** The values of the parameters. */
  readonly start: Float32Array;
  /** Room for the values at another place, and for the gradient of a batch. */
  readonly #moved: Float32Array;
  #ofBatch: Float32Array | undefined;
  /** Of all batches; known after one pass. */
  #weights: number | undefined;
  readonly #end: () => void;

  private constructor(
    readonly subject: Subject,
    parts: readonly Part[],
    private readonly options: SurfaceOptions,
    mode: "train" | "eval",
  ) {
    this.parts = parts;
    this.size = parts.reduce((sum, { size }) => sum + size, 0);
    this.start = new Float32Array(this.size);
    this.#moved = new Float32Array(this.size);
    this.rest = new Rest(options.signal);
    this.#end = subject.begin?.(mode) ?? (() => {});
  }

  /**
   * Runs `use` with the surface; afterwards parameters, mode and generator are as before, and gradients are cleared.
   *
   * Rejects with ERR_ARGUMENT when no parameter is left to look at, ERR_DTYPE for parameters that are not f32, ERR_DATA
   * where a loss or gradient is not finite, and ERR_ABORTED.
   */
  static async use<T>(
    subject: Subject,
    options: SurfaceOptions,
    use: (surface: LossSurface) => Promise<T>,
    mode: "train" | "eval" = "eval",
  ): Promise<T> {
    checkSubject(subject);
    const parts = partsOf(subject, options);
    throwIfAborted(options.signal);
    const surface = new LossSurface(subject, parts, options, mode);
    try {
      surface.#clearGradients();
      for (const { tensor, offset } of parts)
        surface.start.set((await tensor.data()) as Float32Array, offset);
      try {
        return await use(surface);
      } finally {
        surface.restore();
        surface.#clearGradients();
      }
    } finally {
      surface.#end();
    }
  }

  /** Puts the parameters at start + distance · direction. */
  async place(direction: Vector, distance: number): Promise<void> {
    this.#moved.set(this.start);
    await addScaled(this.#moved, distance, direction, this.rest);
    this.#write(this.#moved);
  }

  /** Puts the parameters where they began. */
  restore(): void {
    this.#write(this.start);
  }

  /** The mean loss over all batches, here. Infinite or NaN where it is so. */
  async loss(): Promise<number> {
    let [sum, weights] = [0, 0];
    for (let batch = 0; batch < this.subject.batches; batch++) {
      await this.#beforeBatch();
      const { loss, weight } = noGrad(() => this.#lossOf(batch));
      const value = await read(loss);
      sum += value * weight;
      weights += weight;
    }
    this.#weights = weights;
    return sum / weights;
  }

  /** The mean loss over all batches and its gradient, here. `each` gets every batch's, valid until it resolves. */
  async gradient(each?: (gradient: Float32Array, batch: number) => Promise<void>): Promise<LossAndGradient> {
    const gradient = new Float64Array(this.size);
    let [sum, weights] = [0, 0];
    for (let batch = 0; batch < this.subject.batches; batch++) {
      const one = await this.batchGradient(batch);
      await each?.(one.gradient, batch);
      sum += one.loss * one.weight;
      weights += one.weight;
      await addScaled(gradient, one.weight, one.gradient, this.rest);
    }
    this.#weights = weights;
    return { loss: sum / weights, gradient: await divided(gradient, weights, this.rest) };
  }

  /** target += factor · gradient of the mean loss over all batches, here: without memory of its own. */
  async addGradient(target: Float64Array, factor: number): Promise<void> {
    if (this.#weights === undefined) await this.loss();
    const share = factor / this.#weights!;
    for (let batch = 0; batch < this.subject.batches; batch++) {
      await this.#readGradient(batch, async (values, { offset, size }, weight) => {
        await addScaled(target.subarray(offset, offset + size), share * weight, values, this.rest);
      });
    }
  }

  /** Of one batch; valid until the next one is asked for. */
  async batchGradient(batch: number): Promise<{ loss: number; weight: number; gradient: Float32Array }> {
    this.#ofBatch ??= new Float32Array(this.size);
    const gradient = this.#ofBatch.fill(0);
    const found = await this.#readGradient(batch, async (values, { offset }) => gradient.set(values, offset));
    return { ...found, gradient };
  }

  /** The gradient of a batch, parameter by parameter; those without one are left out. */
  async #readGradient(
    batch: number,
    use: (values: Float32Array, part: Part, weight: number) => Promise<void>,
  ): Promise<{ loss: number; weight: number }> {
    const { loss, weight } = await this.enqueueGradient(batch);
    for (const part of this.parts) {
      const own = part.tensor.grad;
      if (!own) continue;
      const values = (await own.data()) as Float32Array;
      own.dispose();
      if (!isFiniteEverywhere(values)) throw this.#notFinite(batch, `a gradient of ${part.name} that is not`);
      await use(values, part, weight);
    }
    this.#clearGradients();
    const number = await loss;
    if (!Number.isFinite(number)) throw this.#notFinite(batch, `a loss of ${number}`);
    return { loss: number, weight };
  }

  /** Leaves the gradient of a batch at the parameters. `loss` is never an unhandled rejection. */
  async enqueueGradient(batch: number): Promise<{ loss: Promise<number>; weight: number }> {
    await this.#beforeBatch();
    const { loss, weight } = this.#lossOf(batch);
    try {
      if (!loss.requiresGrad) {
        throw diagnosticsFault("loss", "a function of the parameters", "one without a gradient");
      }
      const value = loss.item();
      value.catch(() => {}); // the gradient may fail first
      loss.backward();
      return { loss: value, weight };
    } finally {
      loss.dispose();
    }
  }

  async #beforeBatch(): Promise<void> {
    throwIfAborted(this.options.signal);
    await ready();
    await this.rest.ifDue();
  }

  #lossOf(batch: number): Required<BatchLoss> {
    const given: unknown = this.subject.loss(batch);
    const { loss, weight = 1 } = (
      Object.hasOwn(Object(given), "loss") ? given : { loss: given }
    ) as BatchLoss;
    if (typeof loss?.item !== "function") {
      throw diagnosticsFault("loss", "a function that gives a Tensor, or { loss, weight }", given);
    }
    if (weight > 0 && Number.isFinite(weight)) return { loss, weight };
    loss.dispose();
    throw diagnosticsFault("weight", "above 0", weight);
  }

  #write(values: Float32Array): void {
    for (const { tensor, offset, size } of this.parts) tensor.set(values.subarray(offset, offset + size));
  }

  /** Of all parameters: those that are not looked at get gradients, too. */
  #clearGradients(): void {
    for (const tensor of this.subject.parameters.values()) if (tensor.requiresGrad) tensor.grad = null;
  }

  #notFinite(batch: number, came: string): AthanorError {
    return new AthanorError(
      "ERR_DATA",
      `diagnose: batch ${batch}: loss and gradient must be finite, got ${came}`,
    );
  }
}

/** A loop, as a call for each of millions of elements takes ten times as long. */
function isFiniteEverywhere(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (values[i] - values[i] !== 0) return false;
  return true;
}

async function read(loss: Tensor): Promise<number> {
  try {
    return await loss.item();
  } finally {
    loss.dispose();
  }
}

function checkSubject({ parameters, batches, loss, rows }: Subject): void {
  if (typeof parameters?.values !== "function") {
    throw diagnosticsFault("parameters", "a Map of tensors by name", typeof parameters);
  }
  if (typeof loss !== "function") throw diagnosticsFault("loss", "a function", typeof loss);
  if (!Number.isSafeInteger(batches) || batches < 1) {
    throw diagnosticsFault("batches", "a whole number from 1", batches);
  }
  if (rows && rows.length !== batches) throw diagnosticsFault("rows", `${batches} numbers`, rows.length);
}

function partsOf({ parameters }: Subject, { parameters: wanted }: SurfaceOptions): Part[] {
  const parts: Part[] = [];
  let [offset, frozen] = [0, 0];
  for (const [name, tensor] of parameters) {
    const fits =
      wanted === undefined || (typeof wanted === "function" ? wanted(name) : name.search(wanted) >= 0);
    if (!fits) continue;
    if (!tensor.requiresGrad) {
      frozen++;
      continue;
    }
    if (tensor.dtype !== "f32") {
      throw new AthanorError("ERR_DTYPE", `diagnose: ${name} must be f32, got ${tensor.dtype}`);
    }
    parts.push({ name, tensor, offset, size: tensor.size });
    offset += tensor.size;
  }
  if (parts.length > 0) return parts;
  if (frozen > 0) throw diagnosticsFault("parameters", "trained, at least one of them", "all frozen");
  const came = wanted === undefined ? "none" : `none whose name matches ${String(wanted)}`;
  throw diagnosticsFault("parameters", "at least one", came);
}
