// Pairs of sentences for pre-training. Next sentence (Devlin et al. 2019, section 3.1, and the authors'
// create_pretraining_data.py): half of the second segments come from another document. Sentence order (Lan et al. 2020,
// section 3.1): half of the pairs are swapped. A segment is one sentence or several.
import type { Random } from "../../tensor/random-stream.js";

/** The tokens of a sentence, without special ones. */
export interface Sentence {
  ids: Int32Array;
  /** The word of each token, where whole words are wanted. */
  words?: Int32Array;
  row: number;
}

export interface PairOptions {
  objective: "nsp" | "sop";
  /** Tokens of both segments together, without special ones. */
  room: number;
  /** Share of pairs that are to be shorter. */
  shortProbability: number;
}

/** Neighbouring sentences, of which tokens are left out at both ends. */
export interface Segment {
  sentences: readonly Sentence[];
  begin: number;
  end: number;
}

export interface SentencePair {
  first: Segment;
  second: Segment;
  /** 0: the second follows the first; 1: it comes from elsewhere, or before it. */
  label: 0 | 1;
}

/** The pairs of one of the documents. Next sentence needs another document beside it. */
export function sentencePairs(
  documents: readonly (readonly Sentence[])[],
  number: number,
  options: PairOptions,
  random: Random,
): SentencePair[] {
  const { objective, room, shortProbability } = options;
  const document = documents[number];
  // Mostly pairs fill the room; some are shorter, so that fine-tuning on short texts finds what it knows.
  const short = random.uniform() < shortProbability;
  const target = short && room > 2 ? 2 + random.below(room - 1) : room;
  const pairs: SentencePair[] = [];
  let chunk: Sentence[] = [];
  let length = 0;
  for (let i = 0; i < document.length; i++) {
    chunk.push(document[i]);
    length += document[i].ids.length;
    const full = length >= target && (objective === "nsp" || chunk.length > 1);
    if (!full && i < document.length - 1) continue;
    if (objective === "sop") {
      if (chunk.length > 1) pairs.push(truncated(orderPair(chunk, random), room, random));
    } else {
      const { pair, unused } = nextPair(chunk, documents, number, target, random);
      pairs.push(truncated(pair, room, random));
      // What a segment from elsewhere has taken the place of begins the next chunk.
      i -= unused;
    }
    chunk = [];
    length = 0;
  }
  return pairs;
}

function orderPair(chunk: Sentence[], random: Random): SentencePair {
  const cut = 1 + random.below(chunk.length - 1);
  const [first, second] = [whole(chunk.slice(0, cut)), whole(chunk.slice(cut))];
  if (random.uniform() < 0.5) return { first: second, second: first, label: 1 };
  return { first, second, label: 0 };
}

function nextPair(
  chunk: Sentence[],
  documents: readonly (readonly Sentence[])[],
  number: number,
  target: number,
  random: Random,
): { pair: SentencePair; unused: number } {
  const cut = chunk.length > 1 ? 1 + random.below(chunk.length - 1) : 1;
  const first = whole(chunk.slice(0, cut));
  if (chunk.length > 1 && random.uniform() >= 0.5) {
    return { pair: { first, second: whole(chunk.slice(cut)), label: 0 }, unused: 0 };
  }
  const skipping = random.below(documents.length - 1);
  const other = documents[skipping < number ? skipping : skipping + 1];
  const from = random.below(other.length);
  const wanted = target - first.end;
  let to = from;
  for (let length = 0; to < other.length && (length < wanted || to === from); to++)
    length += other[to].ids.length;
  return { pair: { first, second: whole(other.slice(from, to)), label: 1 }, unused: chunk.length - cut };
}

function whole(sentences: readonly Sentence[]): Segment {
  return { sentences, begin: 0, end: sentences.reduce((sum, { ids }) => sum + ids.length, 0) };
}

/** Tokens go from the longer segment, from its front or its back, until there is room. */
function truncated({ first, second, label }: SentencePair, room: number, random: Random): SentencePair {
  const [a, b] = [{ ...first }, { ...second }];
  while (a.end - a.begin + (b.end - b.begin) > room) {
    const longer = a.end - a.begin > b.end - b.begin ? a : b;
    if (random.uniform() < 0.5) longer.begin++;
    else longer.end--;
  }
  return { first: a, second: b, label };
}

/** The tokens of a segment; words of different sentences get different numbers, from `wordsBefore` on. */
export function segmentTokens({ sentences, begin, end }: Segment, wordsBefore: number) {
  const ids: number[] = [];
  const words: number[] = [];
  let next = wordsBefore;
  for (const sentence of sentences) {
    let most = -1;
    sentence.ids.forEach((id, i) => {
      const word = sentence.words?.[i] ?? -1;
      ids.push(id);
      words.push(word < 0 ? -1 : next + word);
      most = Math.max(most, word);
    });
    next += most + 1;
  }
  return { ids: ids.slice(begin, end), words: words.slice(begin, end), wordsAfter: next };
}
