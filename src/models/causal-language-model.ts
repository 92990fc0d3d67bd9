// The head of causal language models: each token's hidden state tells the next token of its sequence.
import { AthanorError } from "../errors.js";
import { type BatchLabels, collateTokenLabels, type Example, integerLabels, noLabels } from "./batch.js";
import type { HeadKind } from "./head.js";
import { LanguageModelHead, type LanguageModelLayout } from "./language-model-head.js";

/** As transformers.BertLMHeadModel: labels are the tokens themselves; the shift by one is made here. */
export const causalLM = (layout: LanguageModelLayout): HeadKind => ({
  pooler: false,
  make(store, encoder, config) {
    if (!encoder.sizes.causal) {
      const message = "config: is_decoder must be true for a causal language model, got false";
      throw new AthanorError("ERR_CHECKPOINT", message);
    }
    const head = new LanguageModelHead(store, encoder, config, layout);
    return {
      lossOptions: ["labelSmoothing"],
      collate: collateNextTokens,
      forward: ({ hidden }, batch, _, loss) => head.outputs(hidden, batch, ["logits"], loss),
    };
  },
});

/**
 * `labels` i32 (T) hold at each token what comes next, -100 at the last of a sequence: that label i of an example,
 * which is counted unless it is -100, belongs to token i - 1. The first one belongs to none.
 */
export function collateNextTokens(examples: readonly Example[], device: string): BatchLabels {
  const { tensors } = collateTokenLabels(examples, device); // checks them
  if (!tensors.labels) return noLabels;
  tensors.labels.dispose();
  const next: number[] = [];
  const rows: number[] = [];
  for (const example of examples) {
    const labels = example.labels as ArrayLike<number>;
    for (let i = 1; i <= labels.length; i++) {
      const label = i < labels.length ? Number(labels[i]) : -100;
      if (label !== -100) rows.push(next.length);
      next.push(label);
    }
  }
  const make = (values: readonly number[]) => integerLabels(values, "labels", device);
  const labels = { labels: make(next), labelRows: make(rows), rowLabels: make(rows.map((row) => next[row])) };
  return { tensors: labels, lossCount: rows.length };
}
