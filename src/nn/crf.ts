// A linear-chain CRF as the last layer of a tagger: the scores that all sequences share, and what may not follow what.
import { AthanorError } from "../errors.js";
import { type CrfScores, crfDecode, crfNll } from "../tensor/ops/crf.js";
import { where } from "../tensor/ops/elementwise.js";
import type { Reduction } from "../tensor/ops/loss.js";
import { type Tensor, tensor } from "../tensor/tensor.js";
import type { Init, Parameter, ParameterStore } from "./parameter.js";

export interface CrfOptions {
  /**
   * Names of the tags, B-TYPE, I-TYPE and O: what is no IOB2 sequence is then forbidden (I-PER follows B-PER or I-PER
   * alone, and begins nothing).
   */
  labels?: readonly string[];
  /**
   * Whether the loss, too, gives forbidden sequences no probability; then tags to learn from must be allowed, or their
   * loss is Infinity. Default false: only what is decoded is kept from them.
   */
  constrainLoss?: boolean;
}

/** What a tag may follow, 1 where it is allowed: transitions (K, K) [from, to], and start (K). */
interface Allowed {
  transitions: Uint8Array;
  start: Uint8Array;
}

const init: Init = { kind: "uniform", bound: 0.1 };

/**
 * NAME.transitions (K, K), [from, to]; NAME.start_transitions and NAME.end_transitions (K): the parameters of
 * pytorch-crf, which start uniformly within 0.1 of 0. See ops.crfNll.
 *
 * @example
 * this.#crf = new nn.Crf(parameters, "crf", classes, { labels });
 * const loss = this.#crf.nll(emissions, offsets, tags);
 * const { tags } = this.#crf.decode(emissions, offsets);
 */
export class Crf {
  readonly transitions: Parameter;
  readonly start: Parameter;
  readonly end: Parameter;
  readonly #allowed: Allowed | undefined;
  readonly #constrainLoss: boolean;

  /** @throws ERR_ARGUMENT for labels that are not of IOB2, or not one for each of `tags` */
  constructor(
    store: ParameterStore,
    name: string,
    readonly tags: number,
    { labels, constrainLoss = false }: CrfOptions = {},
  ) {
    if (!Number.isSafeInteger(tags) || tags < 1) {
      throw new AthanorError("ERR_ARGUMENT", `Crf: tags must be a positive integer, got ${tags}`);
    }
    if (labels && labels.length !== tags) {
      throw new AthanorError("ERR_ARGUMENT", `Crf: labels must be ${tags} names, got ${labels.length}`);
    }
    if (constrainLoss && !labels) {
      throw new AthanorError("ERR_ARGUMENT", "Crf: constrainLoss needs labels, got none");
    }
    this.#allowed = labels && allowedIob2(labels);
    this.#constrainLoss = constrainLoss;
    this.transitions = store.declare(`${name}.transitions`, [tags, tags], init);
    this.start = store.declare(`${name}.start_transitions`, [tags], init);
    this.end = store.declare(`${name}.end_transitions`, [tags], init);
  }

  /**
   * @param emissions (N, K): a score of each tag for each row
   * @param offsets i32 (B+1) over the N rows
   * @param tags i32 (N)
   * @returns as ops.crfNll
   */
  nll(emissions: Tensor, offsets: Tensor, tags: Tensor, options: { reduction?: Reduction } = {}): Tensor {
    const scores = this.#scores(this.#constrainLoss ? this.#allowed : undefined, emissions);
    return crfNll(emissions, offsets, tags, scores, options);
  }

  /** The best path of each sequence: tags i32 (N) and its score f32 (B). */
  decode(emissions: Tensor, offsets: Tensor): { tags: Tensor; scores: Tensor } {
    return crfDecode(emissions, offsets, this.#scores(this.#allowed, emissions));
  }

  #scores(allowed: Allowed | undefined, { device }: Tensor): CrfScores {
    const [transitions, start, end] = [this.transitions, this.start, this.end].map(({ tensor: t }) => t);
    if (!allowed) return { transitions, start, end };
    const masked = (mask: Uint8Array, scores: Tensor) =>
      where(
        tensor(mask, scores.shape, { dtype: "u8", device: device as "cpu" }),
        scores,
        Number.NEGATIVE_INFINITY,
      );
    return {
      transitions: masked(allowed.transitions, transitions),
      start: masked(allowed.start, start),
      end,
    };
  }
}

function allowedIob2(labels: readonly string[]): Allowed {
  const count = labels.length;
  const parsed = labels.map((label) => {
    const [, prefix, type] = /^([BI])-(.+)$/s.exec(label) ?? [];
    if (!prefix && label !== "O") {
      throw new AthanorError(
        "ERR_ARGUMENT",
        `Crf: labels must be O, B-TYPE or I-TYPE, got ${JSON.stringify(label)}`,
      );
    }
    return { inside: prefix === "I", type };
  });
  const start = Uint8Array.from(parsed, ({ inside }) => (inside ? 0 : 1));
  const transitions = new Uint8Array(count * count);
  parsed.forEach((from, i) => {
    parsed.forEach((to, j) => {
      transitions[i * count + j] = !to.inside || from.type === to.type ? 1 : 0;
    });
  });
  return { transitions, start };
}
