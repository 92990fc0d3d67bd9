// What is measured: questions of BANKING77 through an encoder of the size of all-MiniLM-L6-v2 (6 layers, 384 wide) with
// seeded weights and no dropout, in a folder of Sentence-Transformers that every engine loads.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pairsOf, questions } from "../../examples/banking-pairs.js";
import { loadModel } from "../../examples/small-bert.js";
import { SentenceTransformer, shuffle } from "../../src/index.js";

/** Two sentences, whether they have one intent, and the intent of the first. */
export interface JobPair {
  texts: [string, string];
  score: number;
  intent: number;
}

export interface Job {
  folder: string;
  /** To be encoded. */
  texts: string[];
  /** Of each training step. */
  batches: JobPair[][];
  labels: string[];
  learningRate: number;
}

const TEXTS = 160;
const PAIRS_PER_STEP = 16;
const STEPS = 32;

/** Writes model and job; returns the job's file. */
export async function writeJob(cache: string): Promise<{ file: string; job: Job }> {
  const folder = join(cache, "embeddings");
  await mkdir(folder, { recursive: true });
  const sizes = { hidden_size: 384, intermediate_size: 1536, num_hidden_layers: 6, num_attention_heads: 12 };
  const loaded = await loadModel(SentenceTransformer, {
    ...{ width: 384, positions: 512, dropout: 0, head: { config: sizes, seed: 1 } },
  });
  const model = loaded.model as SentenceTransformer;
  await model.savePretrained(folder);
  await loaded.tokenizer.save(folder);
  model.dispose();
  const rows = await questions("train", 40);
  const labels = [...new Set(rows.map(({ category }) => category))].sort();
  const pairs = pairsOf(rows, 1).map(({ anchor, positive, category }, i, all): JobPair => {
    const other = all[(i + 7) % all.length];
    const [second, score] = i % 2 ? [positive, 1] : [other.positive, other.category === category ? 1 : 0];
    return { texts: [anchor, second], score, intent: labels.indexOf(category) };
  });
  const batches = Array.from({ length: STEPS }, (_, step) =>
    pairs.slice(step * PAIRS_PER_STEP, (step + 1) * PAIRS_PER_STEP),
  );
  const texts = shuffle(await questions("test", 40), 1)
    .slice(0, TEXTS)
    .map(({ text }) => text);
  const job: Job = { folder, texts, batches, labels, learningRate: 1e-4 };
  const file = join(folder, "job.json");
  await writeFile(file, JSON.stringify(job));
  return { file, job };
}
