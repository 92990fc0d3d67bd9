// How the losses of rows, elements or sequences become the result.
import { AthanorError } from "../../errors.js";

/** How the losses of rows or elements become the result. */
export type Reduction = "mean" | "sum" | "none";

// The numbers of Reduction in native/ops/losses/reduction_kind.h.
const reductions: Reduction[] = ["mean", "sum", "none"];

export function reductionNumber(value: Reduction | undefined, op: string): number {
  const index = reductions.indexOf(value ?? "mean");
  if (index < 0) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${op}: reduction must be mean, sum or none, got ${String(value)}`,
    );
  }
  return index;
}
