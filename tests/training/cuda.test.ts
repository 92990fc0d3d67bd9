// Training on a CUDA device (a GPU, or the emulated one) beside the CPU: the same dropout masks, the same ten steps;
// and mixed precision.
import { afterAll, describe, expect, test } from "@jest/globals";
import { AutoModelForSequenceClassification, type Example, type Model } from "../../src/models/index.js";
import { readSafetensors } from "../../src/models/safetensors.js";
import { devices, memory, synchronize } from "../../src/tensor/device.js";
import { dropout } from "../../src/tensor/ops.js";
import { Generator } from "../../src/tensor/random.js";
import { scope } from "../../src/tensor/scope.js";
import { type Device, tensor } from "../../src/tensor/tensor.js";
import { AdamW, Trainer } from "../../src/training/index.js";
import { inFolder } from "../data/temporary.js";
import { expectClose, expectCode, expectSameBits, randomIntegers } from "../support/ops.js";
import { labels, tinyConfig, tinyRows, tinyTokenizer } from "./support.js";

const usable = devices().some(({ kind, available }) => kind === "cuda" && available);
const withCuda = usable ? describe : () => {};
const steps = 10;

async function modelOn(device: Device): Promise<Model> {
  const config = { ...tinyConfig, hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 };
  return AutoModelForSequenceClassification.fromConfig(config, { labels, seed: 3, device });
}

/** Eight sequences of 2 to 20 tokens. */
function examples(step: number): Example[] {
  return Array.from({ length: 8 }, (_, b) => {
    const length = 2 + ((b * 5 + step) % 19);
    return { inputIds: randomIntegers([length], 100 * step + b, 5, tinyConfig.vocab_size), labels: b % 3 };
  });
}

interface Course {
  losses: number[];
  norms: number[];
  weights: Map<string, Float32Array>;
}

async function train(model: Model, mixed = false): Promise<Course> {
  model.generator = new Generator(11);
  if (mixed) model.mixedPrecision(true);
  model.train();
  const optimizer = new AdamW(model.parameters(), { lr: 1e-3, weightDecay: 0.01 });
  const course: Course = { losses: [], norms: [], weights: new Map() };
  for (let step = 0; step < steps; step++) {
    const reads = scope(() => {
      const loss = model.forward(model.collate(examples(step))).loss!;
      loss.backward();
      const { gradNorm } = optimizer.step({ maxGradNorm: 1 });
      return [loss.item(), gradNorm.item()] as const;
    });
    optimizer.zeroGrad();
    course.losses.push(await reads[0]);
    course.norms.push(await reads[1]);
  }
  for (const [name, t] of model.weights()) course.weights.set(name, (await t.data()) as Float32Array);
  optimizer.dispose();
  return course;
}

withCuda("training on CUDA", () => {
  test("dropout masks are those of the CPU, bit for bit", async () => {
    const on = async (device: Device) => {
      const x = tensor(new Float32Array(10_007).fill(1), [10_007], { device });
      return dropout(x, 0.3, { generator: new Generator(5) }).data();
    };
    expectSameBits(await on("cuda"), await on("cpu"), "mask");
  });

  test("ten steps with dropout: losses, norms and weights of the CPU", async () => {
    const [cpu, cuda] = [await modelOn("cpu"), await modelOn("cuda")];
    const [expected, got] = [await train(cpu), await train(cuda)];
    expectClose(got.losses, expected.losses, 2e-5, "losses");
    expectClose(got.norms, expected.norms, 2e-4, "norms");
    for (const [name, values] of expected.weights) {
      // Softmax does not feel what all keys share: this gradient is 0 but for rounding, and AdamW makes whole
      // steps of that.
      if (name.endsWith("key.bias")) continue;
      expectClose(got.weights.get(name)!, values, 5e-4, name);
    }
    for (const model of [cpu, cuda]) model.dispose();
  }, 240_000);

  test.each([false, true])(
    "the same run twice gives the same bits, mixed precision %s",
    async (mixed) => {
      const courses: Course[] = [];
      for (let run = 0; run < 2; run++) {
        const model = await modelOn("cuda");
        courses.push(await train(model, mixed));
        model.dispose();
      }
      const [first, second] = courses;
      expectSameBits(second.losses, first.losses, "losses");
      for (const [name, values] of first.weights) expectSameBits(second.weights.get(name)!, values, name);
    },
    240_000,
  );

  test("mixed precision follows f32, and its masters are kept, saved and given back", async () => {
    const [plain, mixed] = [await modelOn("cuda"), await modelOn("cuda")];
    const [expected, got] = [await train(plain), await train(mixed, true)];
    // bf16 has 8 bits: a loss near 1 is off by a few of their units.
    expectClose(got.losses, expected.losses, 2e-2, "losses");
    for (const t of mixed.parameters().values()) expect(t.dtype).toBe("bf16");
    await inFolder(async (folder) => {
      await mixed.savePretrained(folder);
      const saved = await readSafetensors(`${folder}/model.safetensors`);
      for (const [name, values] of got.weights) {
        expectSameBits(saved.get(name)!.data as Float32Array, values, name);
      }
    });
    mixed.mixedPrecision(false);
    for (const [name, t] of mixed.parameters()) {
      expect(t.dtype).toBe("f32");
      expectSameBits(await t.data(), got.weights.get(name)!, name);
    }
    for (const model of [plain, mixed]) model.dispose();
  }, 240_000);

  test("a Trainer with precision bf16 learns, and leaves nothing behind", async () => {
    const model = await modelOn("cuda");
    await synchronize();
    const before = memory("cuda").live;
    const trainer = new Trainer({
      ...{ model, tokenizer: tinyTokenizer(), train: tinyRows(64) },
      args: { epochs: 3, batchSize: 16, learningRate: 3e-3, precision: "bf16", logEvery: 1 },
    });
    const losses: number[] = [];
    for await (const event of trainer.run()) if (event.type === "step") losses.push(event.loss);
    expect(losses.at(-1)!).toBeLessThan(losses[0]);
    await synchronize();
    expect(memory("cuda").live).toBe(before);
    model.dispose();
  }, 240_000);

  test("a model in bf16 predicts as in f32", async () => {
    const model = await modelOn("cuda");
    const logits = () => model.forward(model.collate(examples(1))).logits.data();
    const expected = await logits();
    model.reduce("bf16");
    expect(model.dtype).toBe("bf16");
    expectClose(await logits(), expected, 3e-2, "logits");
    expectCode(() => model.train(), "ERR_DTYPE", "bf16");
    model.dispose();
  }, 60_000);
});

test("precision bf16 needs a GPU", async () => {
  const model = await modelOn("cpu");
  expectCode(() => model.mixedPrecision(true), "ERR_DEVICE", "on the CPU");
  model.dispose();
});

afterAll(() => synchronize().catch(() => {}));
