// The blanks that English writes nowhere, as left by tokenizers that split off punctuation.

// In this order, each everywhere before the next.
const BLANKS: [string, string][] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" do not", " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/**
 * A text without blanks before punctuation and English contractions. `contract` also contracts "do not": the
 * tokenizers library does so in its decoders, Transformers' clean_up_tokenization does not.
 */
export function withoutBlanks(text: string, contract: boolean): string {
  let result = text;
  for (const [from, to] of BLANKS) {
    if (result.includes(from) && (contract || from !== " do not")) result = result.replaceAll(from, to);
  }
  return result;
}
