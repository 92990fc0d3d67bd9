// What one training step of BERT-base's masked LM enqueues: commands, the bytes they read and write by the shapes
// of their tensors, and how long they run (the middle one of three steps: an indication). Three ways to the same loss: one op per function, as a framework
// without fused ops has it; our layers with the vocabulary projected for every token; and our layers as they are.
//   node dist/benchmarks/models/step-commands.bench.js [sequences] [length] > table.md
import { AutoModelForMaskedLM, type Batch, type Model } from "../../src/models/index.js";
import { getEngine } from "../../src/native/load.js";
import { synchronize } from "../../src/tensor/device.js";
import { crossEntropy } from "../../src/tensor/ops/loss.js";
import { scope } from "../../src/tensor/scope.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { AdamW } from "../../src/training/optimizers/adamw.js";
import { unfusedLoss, unfusedStep } from "./unfused-bert.js";

const [size = 8, length = 128] = process.argv.slice(2).map(Number);
const phases = ["forward", "backward", "optimizer"] as const;
type Phase = (typeof phases)[number];

interface Traced {
  phase: Phase;
  op: string;
  read: number;
  written: number;
  milliseconds: number;
}

interface Way {
  name: string;
  loss(model: Model, batch: Batch): Tensor;
  update(model: Model, optimizer: AdamW): void;
}

const step = (_: Model, optimizer: AdamW) => void optimizer.step({ maxGradNorm: 1 });
const ways: Way[] = [
  { name: "one op per function", loss: unfusedLoss, update: unfusedStep },
  {
    name: "fused, every token projected",
    loss: (model, batch) => crossEntropy(model.forward(batch).logits, batch.labels!),
    update: step,
  },
  { name: "as it is", loss: (model, batch) => model.forward(batch).loss!, update: step },
];

const model = await AutoModelForMaskedLM.fromConfig({ model_type: "bert" }, { seed: 1 });
const optimizer = new AdamW(model.parameters(), { lr: 0 });
model.train();
const batch = model.collate(
  Array.from({ length: size }, (_, b) => ({
    inputIds: Int32Array.from({ length }, (_, i) => 1000 + ((b * 7919 + i * 104729) % 20000)),
    // 15 % of the tokens
    labels: Int32Array.from({ length }, (_, i) => ((b + i) % 20 < 3 ? 1000 + ((i * 7) % 20000) : -100)),
  })),
);

/** One step; the commands of each phase. Times are true because every phase ends before the next is traced. */
async function trace(way: Way): Promise<{ commands: Traced[]; loss: number }> {
  const { native } = getEngine();
  const commands: Traced[] = [];
  const end = async (phase: Phase) => {
    await synchronize();
    for (const [op, read, written, milliseconds] of native.trace(true)) {
      // A look-up reads of its table what it gives, not all of it.
      const lookup = phase === "forward" && (op === "embedding" || op === "gather_rows");
      commands.push({ phase, op, read: lookup ? Math.min(read, 3 * written) : read, written, milliseconds });
    }
  };
  native.trace(true);
  const loss = scope(() => way.loss(model, batch));
  await end("forward");
  loss.backward();
  await end("backward");
  scope(() => way.update(model, optimizer));
  await end("optimizer");
  optimizer.zeroGrad();
  native.trace(false);
  const value = await loss.item();
  loss.dispose();
  return { commands, loss: value };
}

function sum(commands: Traced[], of: (command: Traced) => number): number {
  return commands.reduce((total, command) => total + of(command), 0);
}

function row(label: string, commands: Traced[]): string {
  const gigabytes = (of: (command: Traced) => number) => (sum(commands, of) / 1e9).toFixed(3);
  const time = sum(commands, (command) => command.milliseconds).toFixed(1);
  return `| ${label} | ${commands.length} | ${gigabytes((c) => c.read)} | ${gigabytes((c) => c.written)} | ${time} |`;
}

const heading = (first: string) => [
  `| ${first} | commands | GB read | GB written | ms |`,
  "| --- | --- | --- | --- | --- |",
];

console.log(
  `BERT-base masked LM, ${size} x ${length} tokens, 15 % labelled, dropout 0.1, clipping, AdamW.\n`,
);
const summary = heading("step");
let detail: string[] = [];
for (const way of ways) {
  await trace(way); // warms up
  const runs: Awaited<ReturnType<typeof trace>>[] = [];
  for (let i = 0; i < 3; i++) runs.push(await trace(way));
  const total = (run: { commands: Traced[] }) => sum(run.commands, (command) => command.milliseconds);
  const { commands, loss } = runs.sort((a, b) => total(a) - total(b))[1];
  summary.push(row(`**${way.name}** (loss ${loss.toFixed(3)})`, commands));
  for (const phase of phases)
    summary.push(
      row(
        phase,
        commands.filter((command) => command.phase === phase),
      ),
    );
  detail = heading("as it is");
  for (const phase of phases) {
    const inPhase = commands.filter((command) => command.phase === phase);
    for (const op of new Set(inPhase.map((command) => command.op)))
      detail.push(
        row(
          `${phase}: ${op}`,
          inPhase.filter((command) => command.op === op),
        ),
      );
  }
}
console.log([...summary, "", ...detail].join("\n"));
