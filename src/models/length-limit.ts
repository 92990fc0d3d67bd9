// How long a text may become: for every task and every use of an encoder.

/** The most tokens of a text: as wanted, and what tokenizer and model take. Infinity where nothing limits it. */
export function lengthLimit(
  { modelMaxLength }: { modelMaxLength: number },
  { maxLength = Number.POSITIVE_INFINITY }: { maxLength?: number },
  wanted = Number.POSITIVE_INFINITY,
): number {
  return Math.min(wanted, modelMaxLength, maxLength);
}
