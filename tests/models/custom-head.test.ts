// Heads of one's own: they learn, are saved and loaded, and misuse has its code.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  autoModelForHead,
  type Batch,
  type CustomHeadClass,
  type HeadContext,
  type HeadInputs,
  type Model,
  nn,
  ops,
  type Tensor,
  Trainer,
  textClassification,
} from "../../src/index.js";
import { noGrad } from "../../src/tensor/scope.js";
import { expectCode, expectCodeAsync, expectSameBits } from "../support/ops.js";
import { labels, tinyConfig, tinyRows, tinyTokenizer } from "../training/support.js";

/** The mean of a text's last and first hidden states, dropped, to classes. */
class MeanHead {
  static readonly hiddenStates = true;
  readonly #output: nn.Linear;
  readonly #dropout: nn.Dropout;

  constructor({ parameters, hiddenSize, classes, dropout, init }: HeadContext) {
    this.#output = new nn.Linear(parameters, "mean.output", 2 * hiddenSize, classes, init);
    this.#dropout = new nn.Dropout(dropout);
  }

  forward({ lastHiddenState, hiddenStates, batch, training }: HeadInputs) {
    const both = ops.concat([lastHiddenState, hiddenStates![0]], 1); // (T, 2C)
    const pooled = ops.segmentReduce(both, batch.offsets, "mean"); // (B, 2C)
    return { logits: this.#output.forward(this.#dropout.forward(pooled, training)), pooled };
  }

  loss({ logits }: { logits: Tensor }, batch: Batch): Tensor {
    return ops.crossEntropy(logits, batch.labels!);
  }
}

/** One score for each class of each token, over what it was before the layers. */
class TokenHead {
  static readonly labels = "tokens";
  readonly #embedding: nn.Embedding;
  readonly #norm: nn.LayerNorm;
  readonly #output: nn.Linear;

  constructor({ parameters, hiddenSize, classes, config }: HeadContext) {
    this.#embedding = new nn.Embedding(parameters, "tagger.words", config.vocab_size as number, hiddenSize);
    this.#norm = new nn.LayerNorm(parameters, "tagger.norm", hiddenSize);
    this.#output = new nn.Linear(parameters, "tagger.output", hiddenSize, classes);
  }

  forward({ lastHiddenState, batch }: HeadInputs) {
    const x = this.#norm.forward(lastHiddenState, this.#embedding.forward(batch.inputIds));
    return { logits: this.#output.forward(x) };
  }

  loss({ logits }: { logits: Tensor }, batch: Batch): Tensor {
    return ops.crossEntropy(logits, batch.labels!);
  }
}

const MeanPooling = autoModelForHead("MeanPooling", MeanHead);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "athanor-head-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a head of one's own", () => {
  let model: Model;
  beforeAll(async () => {
    model = await MeanPooling.fromConfig(tinyConfig, { labels, seed: 3 });
  });
  afterAll(() => model.dispose());

  test("declares its parameters after the encoder's", () => {
    expect(model.architecture).toBe("BertForMeanPooling");
    expect([...model.parameters().keys()].slice(-2)).toEqual(["mean.output.weight", "mean.output.bias"]);
    expect(model.parameters().get("mean.output.weight")!.shape).toEqual([3, 64]);
    expect([...model.parameters().keys()].some((name) => name.includes("pooler"))).toBe(false);
  });

  test("learns with the Trainer, and is what was saved when it is loaded", async () => {
    const [train, held] = [tinyRows(200), tinyRows(60, 9)];
    const tokenizer = tinyTokenizer();
    const task = textClassification();
    const args = { epochs: 8, learningRate: 3e-3, batchSize: 16, seed: 5, outputFolder: folder };
    const trainer = new Trainer({ model, tokenizer, task, train, eval: held, args });
    const { metrics } = await trainer.train();
    expect(metrics!.accuracy).toBeGreaterThan(0.9);

    await model.savePretrained(join(folder, "saved"));
    const loaded = await MeanPooling.fromPretrained(join(folder, "saved"));
    expect(loaded.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
    const logits = async (one: Model) => {
      const examples = held.map(({ text }) => tokenizer.encode(text));
      return noGrad(() => one.eval().forward(one.collate(examples))).logits.data();
    };
    expectSameBits(await logits(loaded), await logits(model), "logits");
    loaded.dispose();
  });

  test("over an encoder's checkpoint starts afresh, and gives its other outputs and no hidden states", async () => {
    await model.savePretrained(join(folder, "encoder"));
    const Tagger = autoModelForHead("Tagging", TokenHead);
    const tagger = await Tagger.fromPretrained(join(folder, "encoder"), { labels: ["O", "B"] });
    const own = ["words.weight", "norm.weight", "norm.bias", "output.weight", "output.bias"];
    expect(tagger.loadReport.missing).toEqual(own.map((name) => `tagger.${name}`));
    const batch = tagger.collate([{ inputIds: [2, 9, 3], labels: [-100, 1, 0] }]);
    expect(batch.lossCount).toBe(2);
    const output = tagger.forward(batch);
    expect(output.hiddenStates).toBeUndefined();
    output.loss!.backward();
    const words = tagger.parameters().get("tagger.words.weight")!;
    const rows = (await words.grad!.data()) as Float32Array;
    const touched = [2, 9, 3, 4].map((id) => rows.slice(id * 32, id * 32 + 32).some((value) => value !== 0));
    expect(touched).toEqual([false, true, true, false]); // token 2 has no label
    tagger.dispose();
  });

  test("numbers as labels are a row each, and without labels there is no loss", async () => {
    class Numbers extends MeanHead {
      static readonly labels = "numbers";
      override loss({ logits }: { logits: Tensor }, batch: Batch): Tensor {
        return ops.mse(logits, batch.labels!);
      }
    }
    const numbers = await autoModelForHead("Numbers", Numbers).fromConfig({ ...tinyConfig, num_labels: 2 });
    const batch = numbers.collate([{ inputIds: [2, 3], labels: [0.5, -1] }]);
    expect(await batch.labels!.data()).toEqual(new Float32Array([0.5, -1]));
    expect(await numbers.forward(batch).loss!.item()).toBeGreaterThan(0);
    expect(numbers.forward(numbers.collate([{ inputIds: [2, 3] }])).loss).toBeUndefined();
    numbers.dispose();
  });
});

describe("misuse", () => {
  test("of names and classes", () => {
    const named = () => autoModelForHead("for-tagging", MeanHead);
    expectCode(
      named,
      "ERR_ARGUMENT",
      'name must be of letters and digits, a capital first, got "for-tagging"',
    );
    const noClass = {} as unknown as CustomHeadClass;
    expectCode(() => autoModelForHead("Head", noClass), "ERR_ARGUMENT", "Head must be a class, got object");
    class Odd extends MeanHead {
      static readonly labels = "letters" as "class";
    }
    expectCode(() => autoModelForHead("Odd", Odd), "ERR_ARGUMENT", 'got "letters"');
  });

  test("of what a head gives", async () => {
    class NoForward {}
    const bare = autoModelForHead("NoForward", NoForward as unknown as CustomHeadClass);
    const message = "NoForward must have a method forward, got undefined";
    await expectCodeAsync(bare.fromConfig(tinyConfig), "ERR_ARGUMENT", message);
    class WideLoss extends MeanHead {
      override loss({ logits }: { logits: Tensor }): Tensor {
        return logits;
      }
    }
    const wide = await autoModelForHead("WideLoss", WideLoss).fromConfig(tinyConfig, { labels });
    const batch = wide.collate([{ inputIds: [2, 3], labels: 1 }]);
    expectCode(() => wide.forward(batch), "ERR_ARGUMENT", "WideLoss.loss must give a tensor of one element");
    wide.dispose();
  });
});
