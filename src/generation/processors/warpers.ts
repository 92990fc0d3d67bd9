// What sampling may choose from: scores sharpened or flattened, and unlikely tokens forbidden. Applied in this order,
// after all other processors.
import type { LogitsProcessor } from "./processor.js";
import { forbidden } from "./processor.js";

/** Token ids, highest score first, equal scores by the smaller id; NaN last. */
export function descendingIds(scores: Float32Array): Uint32Array {
  const ids = Uint32Array.from(scores, (_, id) => id);
  return ids.sort((a, b) => scores[b] - scores[a] || a - b);
}

/** Probabilities in f64. */
export function softmax(scores: Float32Array): Float64Array {
  let largest = forbidden;
  for (const score of scores) if (score > largest) largest = score;
  const values = Float64Array.from(scores, (score) => Math.exp(score - largest));
  let sum = 0;
  for (const value of values) sum += value;
  return values.map((value) => value / sum);
}

/** -sum p log p, in nats; forbidden tokens count nothing. */
function entropy(probabilities: Float64Array): number {
  let sum = 0;
  for (const p of probabilities) if (p > 0) sum -= p * Math.log(p);
  return sum;
}

/** Forbids all but the ids that `keeps` accepts, and the first `least` in order. */
function forbidRest(scores: Float32Array, order: Uint32Array, least: number, keeps: (i: number) => boolean) {
  for (let i = least; i < order.length; i++) if (!keeps(i)) scores[order[i]] = forbidden;
}

/** `TemperatureLogitsWarper` */
export class Temperature implements LogitsProcessor {
  readonly #temperature: number;

  constructor(temperature: number) {
    this.#temperature = Math.fround(temperature);
  }

  process(scores: Float32Array): void {
    for (let id = 0; id < scores.length; id++) scores[id] /= this.#temperature;
  }
}

/** `TopKLogitsWarper`: the k highest and all that equal the k-th; Fan et al., "Hierarchical Neural Story Generation", 2018. */
export class TopK implements LogitsProcessor {
  readonly #k: number;

  constructor(k: number, leastKept: number) {
    this.#k = Math.max(k, leastKept);
  }

  process(scores: Float32Array): void {
    if (this.#k >= scores.length) return;
    const least = Float32Array.from(scores).sort()[scores.length - this.#k];
    for (let id = 0; id < scores.length; id++) if (scores[id] < least) scores[id] = forbidden;
  }
}

/** `TopPLogitsWarper`: the likeliest tokens that have p together; Holtzman et al., 2020, section 3.1. */
export class TopP implements LogitsProcessor {
  constructor(
    private readonly p: number,
    private readonly leastKept: number,
  ) {}

  process(scores: Float32Array): void {
    const order = descendingIds(scores);
    const probabilities = softmax(scores);
    const below = new Float64Array(order.length); // what the token and all less likely ones have
    let sum = 0;
    for (let i = order.length - 1; i >= 0; i--) {
      sum += probabilities[order[i]];
      below[i] = sum;
    }
    const least = 1 - this.p;
    forbidRest(scores, order, this.leastKept, (i) => Math.fround(below[i]) > Math.fround(least));
  }
}

/** `MinPLogitsWarper`: tokens with at least this share of the likeliest one's probability. */
export class MinP implements LogitsProcessor {
  constructor(
    private readonly share: number,
    private readonly leastKept: number,
  ) {}

  process(scores: Float32Array): void {
    const order = descendingIds(scores);
    const probabilities = softmax(scores);
    const least = this.share * probabilities[order[0]];
    forbidRest(scores, order, this.leastKept, (i) => probabilities[order[i]] >= least);
  }
}

/** `TypicalLogitsWarper`: tokens of about the expected information; Meister et al., "Locally Typical Sampling", 2022. */
export class Typical implements LogitsProcessor {
  constructor(
    private readonly mass: number,
    private readonly leastKept: number,
  ) {}

  process(scores: Float32Array): void {
    const probabilities = softmax(scores);
    const expected = entropy(probabilities);
    const surprise = Float32Array.from(probabilities, (p) => Math.abs(-Math.log(p) - expected));
    const order = Uint32Array.from(surprise, (_, id) => id);
    order.sort((a, b) => (surprise[a] === surprise[b] ? a - b : surprise[a] - surprise[b]));
    let last = 0; // how many precede the one with which the mass is reached
    let sum = probabilities[order[0]];
    while (sum < this.mass && last < order.length - 1) sum += probabilities[order[++last]];
    const most = surprise[order[last]];
    forbidRest(scores, order, this.leastKept, (i) => surprise[order[i]] <= most);
  }
}

/** `EpsilonLogitsWarper`: tokens with at least this probability; Hewitt et al., 2022, section 3.1. */
export class EpsilonCutoff implements LogitsProcessor {
  constructor(
    private readonly epsilon: number,
    private readonly leastKept: number,
  ) {}

  process(scores: Float32Array): void {
    const probabilities = softmax(scores);
    const order = descendingIds(scores);
    forbidRest(scores, order, this.leastKept, (i) => probabilities[order[i]] >= this.epsilon);
  }
}

/** `EtaLogitsWarper`: the same with a bound that sinks with the entropy; Hewitt et al., 2022, section 3.2. */
export class EtaCutoff implements LogitsProcessor {
  constructor(
    private readonly epsilon: number,
    private readonly leastKept: number,
  ) {}

  process(scores: Float32Array): void {
    const probabilities = softmax(scores);
    const eta = Math.min(this.epsilon, Math.sqrt(this.epsilon) * Math.exp(-entropy(probabilities)));
    const order = descendingIds(scores);
    forbidRest(scores, order, this.leastKept, (i) => probabilities[order[i]] >= eta);
  }
}
