// What a training step costs that changes part of a model, beside plain fine-tuning: LoRA, adapters, frozen layers,
// layer-wise decay; and what relative positions and fewer heads cost. An encoder of 6 layers, 384 wide, 8 sequences of
// 64 tokens, dropout on. The ways take turns, step by step; the peak memory of each is that of a process of its own.
//   node dist/benchmarks/training/adaptation.bench.js [--part 1 | --part 2] [--no-memory] [--rows 8] [--length 64]
// Plain fine-tuning is in both parts.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  AdamW,
  AutoModelForSequenceClassification,
  addAdapters,
  addLora,
  layerwiseDecay,
  type Model,
  memory,
  type ParameterGroup,
  pruneHeads,
  scope,
  synchronize,
} from "../../src/index.js";
import { groupsByRules } from "../../src/training/group-rules.js";
import { fullRows } from "../compare/rows.js";
import { describeMachine, runCount, summarise } from "../support/runner.js";

const text = { type: "string" } as const;
const { values: options } = parseArgs({
  options: {
    ...{ part: text, peak: text, rows: { ...text, default: "8" }, length: { ...text, default: "64" } },
    ...{ "no-memory": { type: "boolean" } },
  },
});
const [size, length, warmUp, learningRate] = [Number(options.rows), Number(options.length), 2, 1e-4];
const config = {
  ...{ model_type: "bert", hidden_size: 384, num_hidden_layers: 6, num_attention_heads: 6 },
  intermediate_size: 1536,
};
const plain = (model: Model): Model => model;
const halfOfHeads = Object.fromEntries(Array.from({ length: 6 }, (_, layer) => [layer, [0, 1, 2]]));

interface Way {
  prepare: (model: Model) => Model;
  config?: object;
  decay?: number;
}

const ways: Record<string, Way> = {
  "plain fine-tuning": { prepare: plain },
  "LoRA, rank 8, queries and values": { prepare: (model) => addLora(model, { rank: 8, alpha: 16 }).model },
  "LoRA, rank 8, all products of the layers": {
    prepare: (model) => addLora(model, { rank: 8, alpha: 16, targetModules: /encoder/ }).model,
  },
  "adapters, Houlsby, 24": {
    prepare: (model) => addAdapters(model, { placement: "houlsby", size: 24 }).model,
  },
  "adapters, Pfeiffer, 24": { prepare: (model) => addAdapters(model, { size: 24 }).model },
  "frozen encoder": { prepare: (model) => model.freeze({ layers: 6, embeddings: true }) },
  "frozen embeddings and half of the layers": {
    prepare: (model) => model.freeze({ layers: 3, embeddings: true }),
  },
  "layer-wise decay": { prepare: plain, decay: 0.9 },
  "relative positions (relative_key)": {
    prepare: plain,
    config: { position_embedding_type: "relative_key" },
  },
  "relative positions (relative_key_query)": {
    prepare: plain,
    config: { position_embedding_type: "relative_key_query" },
  },
  "half of the heads": {
    prepare(model) {
      const pruned = pruneHeads(model, halfOfHeads);
      model.dispose();
      return pruned;
    },
  },
};

const rows = fullRows(size, length).map(({ ids, label }) => ({ inputIds: ids, labels: label }));

/** One step: forward, backward, clipping, AdamW. Gives the loss. */
async function makeStep(way: Way): Promise<{ model: Model; step: () => Promise<number> }> {
  const fresh = await AutoModelForSequenceClassification.fromConfig(
    { ...config, ...way.config },
    { seed: 1 },
  );
  const model = way.prepare(fresh).train();
  const rules = way.decay === undefined ? [] : layerwiseDecay(model, { decay: way.decay });
  const groups: ParameterGroup[] = groupsByRules(model.parameters(), rules, {
    learningRate,
    weightDecay: 0.01,
  });
  const optimizer = new AdamW(groups, { lr: learningRate });
  const batch = model.collate(rows);
  return {
    model,
    async step() {
      const loss = scope(() => {
        const output = model.forward(batch);
        output.loss!.backward();
        optimizer.step({ maxGradNorm: 1 });
        optimizer.zeroGrad();
        return output.loss!;
      });
      const value = await loss.item();
      await synchronize();
      loss.dispose();
      return value;
    },
  };
}

/** The peak of a process that makes three steps. */
function peakOf(name: string): number {
  const self = fileURLToPath(import.meta.url);
  const sizes = ["--rows", options.rows, "--length", options.length];
  return JSON.parse(execFileSync(process.execPath, [self, "--peak", name, ...sizes], { encoding: "utf8" }));
}

/** Both parts together take more than a minute. */
async function measurePart(part: number): Promise<void> {
  const steps = runCount();
  const [first, ...others] = Object.entries(ways);
  const chosen = [first, ...others.filter((_, i) => i < 5 === (part === 1))];
  const all = await Promise.all(
    chosen.map(async ([name, way]) => ({
      name,
      ...(await makeStep(way)),
      times: [] as number[],
      loss: 0,
    })),
  );
  for (let i = 0; i < steps + warmUp; i++) {
    for (const one of all) {
      const begin = performance.now();
      one.loss = await one.step();
      if (i >= warmUp) one.times.push(performance.now() - begin);
    }
  }
  const base = summarise(all[0].times).median_ms;
  for (const { name, model, times, loss } of all) {
    const timing = summarise(times);
    const trained = [...model.parameters().values()].filter(({ requiresGrad }) => requiresGrad);
    console.log(
      JSON.stringify({
        op: "training step of part of a model",
        variant: name,
        shape: [size, length],
        dtype: "f32",
        runs: steps,
        ...timing,
        of_plain: Number((timing.median_ms / base).toPrecision(3)),
        trained: trained.reduce((sum, { size: one }) => sum + one, 0),
        ...(options["no-memory"] ? {} : { peak_bytes: peakOf(name) }),
        loss: Number(loss.toPrecision(5)),
        ...describeMachine(),
      }),
    );
  }
}

if (options.peak !== undefined) {
  const { step } = await makeStep(ways[options.peak]);
  for (let i = 0; i < 3; i++) await step();
  console.log(memory().peak);
} else {
  for (const part of options.part === undefined ? [1, 2] : [Number(options.part)]) await measurePart(part);
}
