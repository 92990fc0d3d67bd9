// What bf16 and int8 weights cost in accuracy: a trained classifier on its test rows, in each weight type.
// Prints one JSON line per type: accuracy, how many predictions are those of f32, the largest difference of a
// logit and of a probability, rows a second.
//   node dist/benchmarks/models/weight-types.js MODEL_FOLDER [TEST_CSV (columns text, category or label)]
// `npm start -- --output MODEL_FOLDER` trains one on BANKING77.
import { readCsv } from "../../src/data/index.js";
import { AutoModelForSequenceClassification } from "../../src/models/index.js";
import { softmax } from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { AutoTokenizer } from "../../src/tokenizers/index.js";
import { describeMachine } from "../support/runner.js";

const [folder, file = "examples/banking77/test.csv.gz"] = process.argv.slice(2);
if (!folder) throw new Error("weight-types: needs the folder of a trained classifier");
const size = 32;
const rows = await readCsv(file);
const tokenizer = await AutoTokenizer.fromPretrained(folder);
const encodings = rows.map(({ text }) =>
  tokenizer.encode(String(text), { truncation: "longest_first", maxLength: 64 }),
);

interface Predictions {
  logits: Float32Array[];
  probabilities: Float32Array[];
  rowsPerSecond: number;
}

async function predict(dtype: "f32" | "bf16" | "int8"): Promise<Predictions & { names: string[] }> {
  const model = await AutoModelForSequenceClassification.fromPretrained(folder, { dtype });
  const [logits, probabilities]: Float32Array[][] = [[], []];
  const begin = performance.now();
  for (let i = 0; i < encodings.length; i += size) {
    const batch = model.collate(encodings.slice(i, i + size));
    const [l, p] = scope(() =>
      noGrad(() => {
        const { logits } = model.forward(batch);
        return [logits, softmax(logits)];
      }),
    );
    logits.push((await l.data()) as Float32Array);
    probabilities.push((await p.data()) as Float32Array);
    for (const t of [l, p]) t.dispose();
  }
  const rowsPerSecond = (1000 * encodings.length) / (performance.now() - begin);
  const names = Object.values(model.config.id2label as Record<string, string>);
  model.dispose();
  return { logits, probabilities, rowsPerSecond, names };
}

/** The index of the largest logit of each row. */
function classes(logits: Float32Array[], count: number): number[] {
  return logits.flatMap((batch) =>
    Array.from({ length: batch.length / count }, (_, r) => {
      const row = batch.subarray(r * count, (r + 1) * count);
      return row.indexOf(Math.max(...row));
    }),
  );
}

function largestDifference(a: Float32Array[], b: Float32Array[]): number {
  return a.reduce((most, batch, i) => batch.reduce((m, v, j) => Math.max(m, Math.abs(v - b[i][j])), most), 0);
}

const full = await predict("f32");
const expected = classes(full.logits, full.names.length);
const labels = rows.map((row) => full.names.indexOf(String(row.category ?? row.label)));
for (const dtype of ["f32", "bf16", "int8"] as const) {
  const found = dtype === "f32" ? full : await predict(dtype);
  const predicted = classes(found.logits, full.names.length);
  const share = (hits: boolean[]) => hits.filter(Boolean).length / hits.length;
  console.log(
    JSON.stringify({
      benchmark: "weight types of a trained classifier",
      dtype,
      rows: rows.length,
      accuracy: Number(share(predicted.map((c, i) => c === labels[i])).toFixed(4)),
      sameAsF32: Number(share(predicted.map((c, i) => c === expected[i])).toFixed(4)),
      largestLogitDifference: Number(largestDifference(found.logits, full.logits).toPrecision(3)),
      largestProbabilityDifference: Number(
        largestDifference(found.probabilities, full.probabilities).toPrecision(3),
      ),
      rowsPerSecond: Math.round(found.rowsPerSecond),
      ...describeMachine(),
    }),
  );
}
