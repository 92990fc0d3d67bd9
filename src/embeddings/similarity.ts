// How alike embeddings are, and which of many are most alike to a query.
import { setImmediate } from "node:timers/promises";
import { matmul } from "../tensor/ops/linear.js";
import { l2Normalize } from "../tensor/ops/reduce.js";
import { noGrad, scope } from "../tensor/scope.js";
import { tensor } from "../tensor/tensor.js";
import { fault } from "./text-batches.js";

/** As `similarity_fn_name` of Sentence-Transformers; distances are negated, so that more is more alike. */
export const similarityFunctions = ["cosine", "dot", "euclidean", "manhattan"] as const;
export type SimilarityFunction = (typeof similarityFunctions)[number];

type Vectors = readonly ArrayLike<number>[];

/**
 * The similarity of two vectors of one length; a vector of zeros has cosine 0 with everything.
 *
 * @throws ERR_ARGUMENT for vectors of different lengths
 */
export function similarityOf(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  kind: SimilarityFunction = "cosine",
): number {
  if (a.length !== b.length) throw fault("similarity", `vectors must be ${a.length} long`, b.length);
  let [dot, aa, bb, squares, distance] = [0, 0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i] * b[i];
    aa += a[i] * a[i];
    bb += b[i] * b[i];
    squares += (a[i] - b[i]) ** 2;
    distance += Math.abs(a[i] - b[i]);
  }
  if (kind === "dot") return dot;
  if (kind === "euclidean") return -Math.sqrt(squares);
  if (kind === "manhattan") return -distance;
  return dot / (Math.max(Math.sqrt(aa), 1e-12) * Math.max(Math.sqrt(bb), 1e-12));
}

/** A row of a corpus that was found. */
export interface SearchHit {
  corpusId: number;
  score: number;
}

export interface SemanticSearchOptions {
  /** Default 10. */
  topK?: number;
  /** "cosine" (default) or "dot". */
  scoreFunction?: "cosine" | "dot";
}

// Scores at once: few enough that sorting them does not hold up the event loop.
const SCORES_AT_ONCE = 1 << 18;

/**
 * For each query the rows of the corpus that are most alike, best first, equal ones by their number. The products run on
 * the device; the event loop has a turn between blocks of queries.
 *
 * @throws ERR_ARGUMENT for no vectors, vectors of different lengths, or options that make no sense
 * @example
 * const [hits] = await semanticSearch([await model.encode("lost my card")], await model.encode(texts), { topK: 3 });
 */
export async function semanticSearch(
  queries: Vectors,
  corpus: Vectors,
  { topK = 10, scoreFunction = "cosine" }: SemanticSearchOptions = {},
): Promise<SearchHit[][]> {
  const who = "semanticSearch";
  if (!Number.isSafeInteger(topK) || topK < 1) throw fault(who, "topK must be an integer from 1", topK);
  if (!["cosine", "dot"].includes(scoreFunction)) {
    throw fault(who, "scoreFunction must be cosine or dot", scoreFunction);
  }
  const width = widthOf(who, "queries", queries);
  const other = widthOf(who, "corpus", corpus);
  if (width !== other) throw fault(who, `corpus must hold vectors of ${width} numbers`, other);
  const block = Math.max(1, Math.floor(SCORES_AT_ONCE / corpus.length));
  const matrixOf = (vectors: Vectors) =>
    scope(() => (scoreFunction === "cosine" ? l2Normalize(matrix(vectors, width)) : matrix(vectors, width)));
  const rows = matrixOf(corpus);
  const found: SearchHit[][] = [];
  try {
    for (let first = 0; first < queries.length; first += block) {
      const part = queries.slice(first, first + block);
      const { scores } = scope(() => {
        return { scores: noGrad(() => matmul(matrixOf(part), rows, { transposeB: true })).data() };
      });
      const values = await scores;
      for (let i = 0; i < part.length; i++) {
        found.push(bestOf(values.subarray(i * corpus.length, (i + 1) * corpus.length), topK));
      }
      await setImmediate();
    }
  } finally {
    rows.dispose();
  }
  return found;
}

function widthOf(who: string, what: string, vectors: Vectors): number {
  if (!Array.isArray(vectors) || vectors.length === 0)
    throw fault(who, `${what} must hold at least one vector`, "none");
  const [{ length }] = vectors;
  const odd = vectors.findIndex((vector) => vector.length !== length);
  if (odd >= 0) throw fault(who, `${what}[${odd}] must have ${length} numbers`, vectors[odd].length);
  return length;
}

function matrix(vectors: Vectors, width: number) {
  const data = new Float32Array(vectors.length * width);
  vectors.forEach((vector, i) => {
    data.set(vector, i * width);
  });
  return tensor(data, [vectors.length, width]);
}

/** The k largest, in order. */
function bestOf(scores: ArrayLike<number>, k: number): SearchHit[] {
  const best: SearchHit[] = [];
  for (let corpusId = 0; corpusId < scores.length; corpusId++) {
    const score = scores[corpusId];
    if (best.length === k && score <= best[k - 1].score) continue;
    let place = best.length;
    while (place > 0 && best[place - 1].score < score) place--;
    best.splice(place, 0, { corpusId, score });
    if (best.length > k) best.pop();
  }
  return best;
}
