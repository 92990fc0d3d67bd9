// The choices of process_logits by their definitions, in float64, with every row sorted: the reference of the op's test.
import type { ProcessLogitsOptions } from "../../src/tensor/ops.js";

const lowest = Number.NEGATIVE_INFINITY;

/** What leaves only some tokens. */
export type Choice = Pick<ProcessLogitsOptions, "topK" | "topP" | "minP" | "typicalP" | "minTokensToKeep">;

function softmaxOf(row: number[]): number[] {
  const most = Math.max(...row);
  const e = row.map((v) => Math.exp(v - most));
  const total = e.reduce((a, b) => a + b);
  return e.map((v) => v / total);
}

/** A row after topK, topP, minP and typicalP. */
export function chosenOf(row: number[], o: Choice): number[] {
  let kept = row;
  const keep = o.minTokensToKeep ?? 1;
  const forbid = (stays: (i: number) => boolean) => {
    kept = kept.map((v, i) => (stays(i) ? v : lowest));
  };
  const descending = () => kept.map((_, i) => i).sort((i, j) => kept[j] - kept[i] || i - j);
  if (o.topK) {
    const least = kept[descending()[Math.min(Math.max(o.topK, keep), row.length) - 1]];
    forbid((i) => kept[i] >= least);
  }
  if (o.topP !== undefined) {
    const p = softmaxOf(kept);
    const stays = new Set<number>();
    let before = 0;
    for (const i of descending()) {
      if (before >= o.topP && stays.size >= keep) break;
      stays.add(i);
      before += p[i];
    }
    forbid((i) => stays.has(i));
  }
  if (o.minP) {
    const p = softmaxOf(kept);
    const best = new Set(descending().slice(0, keep));
    const least = o.minP * Math.max(...p);
    forbid((i) => p[i] >= least || best.has(i));
  }
  if (o.typicalP !== undefined) {
    const p = softmaxOf(kept);
    const entropy = -p.reduce((a, q) => a + (q > 0 ? q * Math.log(q) : 0), 0);
    const away = p.map((q) => Math.abs(-Math.log(q) - entropy));
    const order = kept.map((_, i) => i).sort((i, j) => away[i] - away[j] || i - j);
    let [before, last] = [0, 0];
    for (const i of order) {
      before += p[i];
      if (before >= o.typicalP) break;
      last++;
    }
    const most = away[order[Math.min(last, row.length - 1)]];
    const best = new Set(order.slice(0, keep));
    forbid((i) => away[i] <= most || best.has(i));
  }
  return kept;
}
