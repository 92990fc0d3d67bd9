// Gradient checkpointing: less memory, the same bits.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { AutoModelForMaskedLM, type Model } from "../../src/models/index.js";
import { Generator } from "../../src/tensor/random.js";
import { scope } from "../../src/tensor/scope.js";
import { Trainer, type TrainingArgs } from "../../src/training/index.js";
import {
  bitsOf,
  tinyConfig,
  tinyExamples,
  tinyModel,
  tinyRows,
  tinyTokenizer,
  withModel,
} from "./support.js";

const gradientsOf = async (model: Model) => {
  const found = new Map<string, string>();
  for (const [name, parameter] of model.parameters()) {
    const gradient = parameter.grad;
    if (gradient)
      found.set(name, Buffer.from(((await gradient.data()) as Float32Array).buffer).toString("hex"));
    gradient?.dispose();
  }
  return found;
};

/** Loss and gradients of two batches, with dropout; afterwards the calls that the generator counts. */
async function stepOf(model: Model, gradientCheckpointing: boolean) {
  model.train().gradientCheckpointing = gradientCheckpointing;
  model.generator = new Generator(5);
  const losses: number[] = [];
  for (const seed of [1, 2]) {
    const batch = model.collate(tinyExamples(9, seed));
    const { loss, logits } = model.forward(batch);
    batch.dispose(); // what is recomputed keeps what it needs
    losses.push(await loss!.item());
    loss!.backward();
    for (const t of [loss!, logits]) t.dispose();
  }
  const gradients = await gradientsOf(model);
  for (const parameter of model.parameters().values()) parameter.grad = null;
  return { losses, gradients, calls: model.generator.calls };
}

test("loss, every gradient and the random numbers are the same bits, with dropout and accumulation", async () => {
  await withModel(async (model) => {
    const plain = await stepOf(model, false);
    const recomputed = await stepOf(model, true);
    expect(recomputed).toEqual(plain);
    expect(plain.gradients.size).toBe(model.parameters().size);
  });
});

test.each([/embeddings/, /embeddings|layer\.0/, /layer\.0\.attention/])("frozen: %s", async (pattern) => {
  await withModel(async (model) => {
    model.freeze(pattern);
    expect(await stepOf(model, true)).toEqual(await stepOf(model, false));
  });
});

test("hidden states and attentions are there as well", async () => {
  await withModel(async (model) => {
    const outputs = (gradientCheckpointing: boolean) => {
      model.train().gradientCheckpointing = gradientCheckpointing;
      model.generator = new Generator(5);
      return scope(() => {
        const output = model.forward(model.collate(tinyExamples(4)), {
          hiddenStates: true,
          attentions: true,
        });
        output.loss!.backward();
        return [...output.hiddenStates!, ...output.attentions!.flat()].map((t) => t.dataSync());
      });
    };
    const plain = outputs(false);
    const gradients = await gradientsOf(model);
    for (const parameter of model.parameters().values()) parameter.grad = null;
    expect(outputs(true)).toEqual(plain);
    expect(await gradientsOf(model)).toEqual(gradients);
  });
});

test("a run gives the same bits, and puts the model back as it was", async () => {
  const outcome = (args: TrainingArgs) =>
    withModel(async (model) => {
      const trainer = new Trainer({
        ...{ model, tokenizer: tinyTokenizer(), train: tinyRows(30) },
        args: { maxSteps: 6, learningRate: 1e-3, gradientAccumulation: 2, ...args },
      });
      const { loss } = await trainer.train();
      expect(model.gradientCheckpointing).toBe(false);
      return { loss, bits: await bitsOf(model.parameters()) };
    });
  expect(await outcome({ gradientCheckpointing: true })).toEqual(await outcome({}));
});

test.each<[string, Record<string, unknown>]>([
  ["roberta", { pad_token_id: 0 }],
  ["distilbert", { dim: 32, n_layers: 2, n_heads: 2, hidden_dim: 64 }],
  // Its layers share their parameters, whose gradients add up.
  ["albert", { embedding_size: 16, num_hidden_layers: 3 }],
  ["electra", { embedding_size: 16 }],
])("family %s", async (model_type, more) => {
  await withModel(async (model) => expect(await stepOf(model, true)).toEqual(await stepOf(model, false)), {
    ...tinyConfig,
    model_type,
    hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
    ...more,
  });
});

test("a masked language model, whose loss comes from gathered rows", async () => {
  const model = await AutoModelForMaskedLM.fromConfig(tinyConfig, { seed: 3 });
  const gradients = async (gradientCheckpointing: boolean) => {
    model.train().gradientCheckpointing = gradientCheckpointing;
    model.generator = new Generator(5);
    scope(() => {
      const examples = tinyExamples(6).map(({ inputIds }) => ({
        inputIds,
        labels: Int32Array.from(inputIds!),
      }));
      model.forward(model.collate(examples)).loss!.backward();
    });
    const found = await gradientsOf(model);
    for (const parameter of model.parameters().values()) parameter.grad = null;
    return found;
  };
  expect(await gradients(true)).toEqual(await gradients(false));
  model.dispose();
});

test("the memory of a step hardly grows with the layers, and nothing stays behind", async () => {
  const child = fileURLToPath(new URL("./recompute-child.js", import.meta.url));
  const neededBy = async (gradientCheckpointing: boolean): Promise<number> => {
    const { stdout } = await promisify(execFile)(process.execPath, [child, String(gradientCheckpointing)]);
    const { before, after, needed } = JSON.parse(stdout);
    expect(after).toEqual(before);
    return needed;
  };
  expect(await neededBy(false)).toBeGreaterThan(2 * (await neededBy(true)));
});

test("a fresh model has none of it", async () => {
  const model = await tinyModel();
  expect(model.gradientCheckpointing).toBe(false);
  model.dispose();
});
