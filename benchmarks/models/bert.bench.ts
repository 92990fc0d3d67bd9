// BERT-base inference in fp32, hidden states and pooler output read back: full rows, and a ragged batch of BANKING77.
//   node dist/benchmarks/models/bert.bench.js
import { AutoModel } from "../../src/models/index.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { encoderFlops } from "../compare/inference.js";
import { fullRows, randomBatches, type TokenRow, textRows, tokensOf } from "../compare/rows.js";
import { bench } from "../support/runner.js";

const model = await AutoModel.fromConfig({ model_type: "bert" }, { seed: 1 });
model.eval();

async function measure(rows: TokenRow[], shape: number[], variant?: string): Promise<void> {
  const batch = model.collate(rows.map(({ ids }) => ({ inputIds: ids })));
  await bench({
    op: "BERT-base",
    variant,
    shape,
    dtype: "f32",
    flops: encoderFlops([rows]),
    run: async () => {
      const { lastHiddenState, poolerOutput } = scope(() => noGrad(() => model.forward(batch)));
      await lastHiddenState.data();
      await poolerOutput.data();
      lastHiddenState.dispose();
      poolerOutput.dispose();
    },
  });
  batch.dispose();
}

for (const [count, length] of [
  [1, 16],
  [1, 128],
  [8, 128],
]) {
  await measure(fullRows(count, length), [count, length]);
}
const [batch] = randomBatches(await textRows("banking77", "test", undefined), 32, 1);
await measure(batch, [tokensOf(batch)], `BANKING77, ${batch.length} rows`);
