// What a task remembers of the examples that it has prepared: how their tokens are hidden while training, and how the
// masks of a text are filled. Only preparing knows the tokenizer.
import { AthanorError } from "../../errors.js";
import type { Example } from "../../models/batch.js";
import type { Random } from "../../tensor/random-stream.js";
import type { Tokenizer } from "../../tokenizers/tokenizer.js";
import {
  type LanguageModelingCollator,
  languageModelingCollator,
  type MaskableExample,
} from "../../training/collators/language-modeling.js";
import { type FilledMask, filledMasks } from "./predictions.js";

export interface MaskOptions {
  /** Share of the tokens, or words, to predict. */
  probability: number;
  wholeWord: boolean;
  /** Candidates for a mask. */
  topK: number;
}

export class PreparedMasks {
  readonly #maskers = new WeakMap<Example, LanguageModelingCollator<Example[]>>();
  readonly #fillers = new WeakMap<Example, (rows: readonly Float32Array[]) => FilledMask[]>();

  constructor(
    private readonly task: string,
    private readonly options: MaskOptions,
  ) {}

  /** Examples to learn from. */
  toHide<T extends MaskableExample>(examples: T[], tokenizer: Tokenizer): T[] {
    const { probability, wholeWord } = this.options;
    const mask = languageModelingCollator({ tokenizer, probability, wholeWord });
    for (const example of examples) this.#maskers.set(example, mask);
    return examples;
  }

  /** The labels of a text with masks to fill: they mark the masks, so that logits are made for them alone. */
  toFill(ids: Int32Array, tokenizer: Tokenizer): Int32Array {
    return ids.map((id) => (id === tokenizer.maskTokenId ? id : -100));
  }

  /** An example whose masks, labelled by `toFill`, are to be filled. */
  remember(example: Example, tokenizer: Tokenizer, specialTokensMask: ArrayLike<number>): Example {
    const { topK } = this.options;
    this.#fillers.set(example, (rows) => filledMasks(rows, example, tokenizer, specialTokensMask, topK));
    return example;
  }

  /** A task's `vary`: hides tokens. @throws ERR_ARGUMENT for examples of another task */
  hidden(examples: readonly Example[], random: Random): Example[] {
    return examples.flatMap((example) => {
      const mask = this.#maskers.get(example);
      if (mask) return mask([example], random);
      throw new AthanorError(
        "ERR_ARGUMENT",
        `${this.task}: examples must be of this task's prepare(), got others`,
      );
    });
  }

  /** The masks of an example filled by its rows of logits; undefined where there were none to fill. */
  filled(example: Example, rows: readonly Float32Array[]): FilledMask[] | undefined {
    return this.#fillers.get(example)?.(rows);
  }
}
