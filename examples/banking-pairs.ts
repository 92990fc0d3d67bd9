// Pairs of BANKING77's questions: two of one intent belong together. A retrieval set of real questions: each test question
// is to find others of its intent among all that are asked.
import { readTable, shuffle } from "../src/index.js";
import { bundled } from "./small-bert.js";

export interface Question {
  text: string;
  category: string;
}

export interface QuestionPair {
  anchor: string;
  positive: string;
  category: string;
}

/** The bundled questions, `perIntent` of each intent. */
export async function questions(part: "train" | "test", perIntent: number): Promise<Question[]> {
  const rows = (await readTable(bundled(`banking77/${part}.csv.gz`))) as unknown as Question[];
  const counts = new Map<string, number>();
  return rows.filter(({ category }) => {
    counts.set(category, (counts.get(category) ?? 0) + 1);
    return counts.get(category)! <= perIntent;
  });
}

/** Each question with the next of its intent, in an order that follows from the seed; once each. */
export function pairsOf(rows: readonly Question[], seed: number): QuestionPair[] {
  const waiting = new Map<string, string>();
  const pairs: QuestionPair[] = [];
  for (const { text, category } of shuffle(rows, seed)) {
    const anchor = waiting.get(category);
    if (anchor !== undefined) pairs.push({ anchor, positive: text, category });
    if (anchor === undefined) waiting.set(category, text);
    else waiting.delete(category);
  }
  return pairs;
}

/** An intent in words. */
export const wordsOf = (category: string): string =>
  category.toLowerCase().replaceAll("_", " ").replace("?", "");

/** Each question with its intent, and with `wrong` others of those given. */
export function judgedPairs(
  rows: readonly Question[],
  intents: readonly string[],
  wrong: number,
): { text: string; intent: string; right: boolean }[] {
  return rows.flatMap(({ text, category }, i) => {
    const others = shuffle(intents, i).filter((intent) => intent !== category);
    return [category, ...others.slice(0, wrong)].map((intent) => ({
      text,
      intent,
      right: intent === category,
    }));
  });
}
