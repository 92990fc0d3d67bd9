// One label per word out of the probabilities of its tokens.
import { bestOf } from "../scores.js";
import { type TokenExample, tokenSpan } from "./alignment.js";

/** A word with its class; null where no window holds the word. */
export interface TaggedWord {
  word: string;
  start: number;
  end: number;
  label: string | null;
  score: number;
}

/** A window and the probabilities of each of its tokens. */
export interface ScoredWindow {
  example: TokenExample;
  scores: readonly Float32Array[];
}

interface Choice {
  scores: Float32Array;
  /** Tokens to the nearer end of the window. */
  context: number;
  span: [start: number, end: number];
}

/** A word has the class of its first token; of several windows that hold it, in the one with most context around. */
export function taggedWords(windows: readonly ScoredWindow[], names: readonly string[]): TaggedWord[] {
  const { sentence } = windows[0].example.source as NonNullable<TokenExample["source"]>;
  const choices: (Choice | undefined)[] = (sentence.words ?? []).map(() => undefined);
  for (const { example, scores } of windows) addChoices(example, scores, choices);
  return Array.from(choices, (choice, i) => {
    const start = sentence.words ? sentence.starts[i] : (choice?.span[0] ?? 0);
    const end = sentence.words ? start + sentence.words[i].length : (choice?.span[1] ?? 0);
    const best = choice ? bestOf(choice.scores) : -1;
    return {
      word: sentence.words?.[i] ?? sentence.text.slice(start, end),
      ...{ start, end },
      label: choice ? names[best] : null,
      score: choice ? choice.scores[best] : 0,
    };
  });
}

function addChoices(
  example: TokenExample,
  scores: readonly Float32Array[],
  choices: (Choice | undefined)[],
): void {
  const { sentence, encoding } = example.source as NonNullable<TokenExample["source"]>;
  const { wordIds } = encoding;
  const last = wordIds.length - 1;
  wordIds.forEach((word, token) => {
    if (word === null) return;
    if (token > 0 && wordIds[token - 1] === word) return;
    const known = choices[word];
    const context = Math.min(token, last - token);
    if (known && known.context >= context) return;
    choices[word] = { scores: scores[token], context, span: wordSpan(example, token, sentence) };
  });
}

function wordSpan(
  { source }: TokenExample,
  first: number,
  sentence: NonNullable<TokenExample["source"]>["sentence"],
): [number, number] {
  const { encoding } = source as NonNullable<TokenExample["source"]>;
  const { wordIds } = encoding;
  let last = first;
  while (wordIds[last + 1] === wordIds[first]) last++;
  return [tokenSpan(encoding, first, sentence)[0], tokenSpan(encoding, last, sentence)[1]];
}
