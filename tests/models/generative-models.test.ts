// What models that generate have beside their numbers: targets made of labels, gradient checkpointing, attention
// probabilities, weights in fewer bits. Their files: generative-files.test.ts.
import { describe, expect, test } from "@jest/globals";
import { AutoModelForCausalLM } from "../../src/index.js";
import type { Example } from "../../src/models/batch.js";
import type { Model } from "../../src/models/model.js";
import { linear } from "../../src/tensor/ops/linear.js";
import { Generator } from "../../src/tensor/random.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { inFolder } from "../data/temporary.js";
import { digestOf, load, sources, withModel } from "../support/generative-models.js";
import { expectCode, expectCodeAsync, onCuda } from "../support/ops.js";

describe("targets", () => {
  test.each([
    ["t5-relu-tied", [0, 9, 11, 0], [0, 9]],
    ["bart-conditional", [2, 9, 11, 1], [2, 9]],
    ["mbart-conditional", [5, 9, 11, 1], [31, 9]],
    ["marian-mt", [179, 9, 11, 179], [179, 9]],
  ])("%s: labels one place later, behind the family's start", async (name, first, second) => {
    await withModel(load(name), async (model) => {
      const { decoder, labels, lossCount } = model.collate(sources);
      const rows = decoder!.unpack(await decoder!.inputIds.data());
      expect(rows.map((row) => Array.from(row))).toEqual([first, second]);
      expect(Array.from(await labels!.data())).toEqual([9, 11, -100, 5, 9, 31]);
      expect(lossCount).toBe(5);
    });
  });

  test("decoderInputIds are taken as they are; the loss does not change with the batch's mix", async () => {
    await withModel(load("bart-conditional"), async (model) => {
      const lossOf = (examples: Example[]) =>
        noGrad(() => model.forward(model.collate(examples)).loss!).item();
      const [first, second] = sources;
      const given = { ...second, decoderInputIds: [2, 9] };
      expect(await lossOf([given])).toBe(await lossOf([second]));
      const both = (3 * (await lossOf([first])) + 2 * (await lossOf([second]))) / 5;
      expect(await lossOf(sources)).toBeCloseTo(both, 5);
    });
  });

  test.each<[string, Example[], RegExp]>([
    ["labels of some alone", [sources[0], { inputIds: [4] }], /example 1 has no labels/],
    ["no label", [{ inputIds: [4], labels: [] }], /example 0: labels must be at least one token, got none/],
    ["a number", [{ inputIds: [4], labels: 3 }], /labels must be at least one token, got a number/],
    [
      "other lengths",
      [{ inputIds: [4], labels: [3, 4], decoderInputIds: [2] }],
      /labels must be 1 long, as decoderInputIds, got 2/,
    ],
    [
      "a long target",
      [{ inputIds: [4], labels: new Array(65).fill(5) }],
      /example 0 has 65 target tokens, the model has positions for 64/,
    ],
    ["no source", [{ labels: [4] }], /example 0 needs inputIds/],
  ])("%s: an error", async (_, examples, message) => {
    await withModel(load("bart-conditional"), (model) => {
      expectCode(() => model.collate(examples), "ERR_ARGUMENT", message);
    });
  });

  test("no target: the encoder alone runs", async () => {
    await withModel(load("t5-relu-tied"), (model) => {
      const batch = model.collate([{ inputIds: [4, 5] }]);
      expect(model.encode(batch).lengths).toEqual([2]);
      expectCode(() => model.forward(batch), "ERR_ARGUMENT", /needs labels or decoderInputIds/);
    });
  });

  test("no start token: an error that names the entry", async () => {
    const config = { decoder_start_token_id: null };
    await withModel(load("t5-relu-tied", { config }), (model) => {
      expectCode(() => model.collate(sources), "ERR_CHECKPOINT", /decoder_start_token_id must be an integer/);
    });
  });

  test("layers that would be left out at random: an error in training", async () => {
    await withModel(load("bart-conditional", { config: { encoder_layerdrop: 0.1 } }), (model) => {
      model.forward(model.collate(sources));
      model.train();
      expectCode(() => model.forward(model.collate(sources)), "ERR_ARGUMENT", /encoder_layerdrop: 0 }/);
    });
  });

  test("a decoder's labels are those of the next tokens", async () => {
    await withModel(load("gpt2-lm"), async (model) => {
      const examples = [
        { inputIds: [5, 6, 7], labels: [5, 6, 7] },
        { inputIds: [8], labels: [8] },
        { inputIds: [9, 3], labels: [9, -100] },
      ];
      const batch = model.collate(examples);
      expect(Array.from(await batch.extra.nextLabels.data())).toEqual([6, 7, -100, -100, -100, -100]);
      expect(batch.lossCount).toBe(2);
    });
  });
});

test("an encoder's own vocabulary: sources are checked by it, targets by the decoder's", async () => {
  await withModel(load("marian-mt-own-words"), async (model) => {
    const options = { maxNewTokens: 3 };
    const { sequences } = await model.generate([{ inputIds: [5, 47, 49] }], options); // 50 words, the decoder has 44
    expect(sequences).toHaveLength(1);
    const wrong = (example: Example) => () => model.generate([example], options);
    const message = (which: string, most: number, came: number) =>
      `generate: ${which} of example 0 must be tokens from 0 to ${most}, got ${came}`;
    await expectCodeAsync(wrong({ inputIds: [50] }), "ERR_ARGUMENT", message("inputIds", 49, 50));
    const target = { inputIds: [5], decoderInputIds: [2, 44] };
    await expectCodeAsync(wrong(target), "ERR_ARGUMENT", message("decoderInputIds", 43, 44));
  });
});

describe("gradient checkpointing: the same bits, with dropout", () => {
  const dropouts = { dropout: 0.2, attention_dropout: 0.1, activation_dropout: 0.1, dropout_rate: 0.2 };
  const gpt2 = { resid_pdrop: 0.2, embd_pdrop: 0.1, attn_pdrop: 0.1 };

  async function stepOf(model: Model, examples: Example[], gradientCheckpointing: boolean) {
    model.train().gradientCheckpointing = gradientCheckpointing;
    model.generator = new Generator(5);
    const loss = scope(() => {
      const output = model.forward(model.collate(examples));
      output.loss!.backward();
      return output.loss!;
    });
    const gradients = new Map<string, unknown>();
    for (const [name, parameter] of model.parameters()) {
      gradients.set(name, digestOf(await parameter.grad?.data()));
      parameter.grad = null;
    }
    return { loss: await loss.item(), gradients, calls: model.generator.calls };
  }

  test.each(["gpt2-lm", "t5-gated-gelu-untied", "bart-conditional", "mbart-conditional"])(
    "%s",
    async (name) => {
      // Products of a few rows are summed in another order when no gradients are recorded.
      const examples = [14, 9, 11].map((length, b) => {
        const inputIds = Array.from({ length }, (_, i) => (b * 31 + i * 17 + 3) % 40);
        return { inputIds, labels: name === "gpt2-lm" ? inputIds : [...inputIds.slice(2), b] };
      });
      await withModel(load(name, { config: { ...dropouts, ...gpt2 } }), async (model) => {
        const plain = await stepOf(model, examples, false);
        expect(await stepOf(model, examples, true)).toEqual(plain);
        expect(plain.calls).toBeGreaterThan(5);
        model.freeze(/embed|shared|encoder\.|wte|wpe/);
        expect(await stepOf(model, examples, true)).toEqual(await stepOf(model, examples, false));
      });
    },
  );
});

test.each(["t5-relu-tied", "bart-conditional"])(
  "%s: attention probabilities of all three kinds",
  async (name) => {
    await withModel(load(name), async (model) => {
      const batch = model.collate(sources);
      const output = noGrad(() => model.forward(batch, { attentions: true }));
      const shapes = (all: typeof output.crossAttentions) =>
        all!.map((layer) => layer.map(({ shape }) => shape));
      const twice = (shape: number[][]) => [shape, shape];
      expect(shapes(output.encoderAttentions)).toEqual(
        twice([
          [4, 5, 5],
          [4, 2, 2],
        ]),
      );
      expect(shapes(output.decoderAttentions)).toEqual(
        twice([
          [4, 4, 4],
          [4, 2, 2],
        ]),
      );
      expect(shapes(output.crossAttentions)).toEqual(
        twice([
          [4, 4, 5],
          [4, 2, 2],
        ]),
      );
      const rows = (await output.crossAttentions![1][0].data()) as Float32Array;
      for (let row = 0; row < rows.length; row += 5) {
        expect(rows.slice(row, row + 5).reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
      }
      const [first] = (await output.decoderAttentions![0][0].data()) as Float32Array;
      expect(first).toBeCloseTo(1, 6); // the first target token sees itself alone
    });
  },
);

test.each(["bf16", "int8"] as const)("GPT-2 with weights in %s is near the one in f32", async (dtype) => {
  const sizes = { vocab_size: 300, n_embd: 128, n_head: 4, n_layer: 3, n_positions: 40 };
  const config = { model_type: "gpt2", ...sizes, initializer_range: 0.08 };
  const squares = (x: Float32Array) => x.reduce((sum, v) => sum + v * v, 0);
  const distance = (actual: Float32Array, wanted: Float32Array) =>
    Math.sqrt(squares(actual.map((v, i) => v - wanted[i])) / squares(wanted));
  await inFolder(async (folder) => {
    await withModel(AutoModelForCausalLM.fromConfig(config, { seed: 3 }), (model) =>
      model.savePretrained(folder),
    );
    const examples = [{ inputIds: Array.from({ length: 30 }, (_, i) => (i * 37) % 300) }];
    const outputs = async (model: Model) => {
      const { lastHiddenState, logits } = noGrad(() => model.forward(model.collate(examples)));
      return (await Promise.all([lastHiddenState.data(), logits.data()])) as Float32Array[];
    };
    const full = await withModel(AutoModelForCausalLM.fromPretrained(folder), outputs);
    await withModel(AutoModelForCausalLM.fromPretrained(folder, { dtype }), async (model) => {
      const reduced = await outputs(model);
      const most = dtype === "bf16" ? [0.01, 0.01] : [0.04, 0.04];
      for (const i of [0, 1]) {
        const off = distance(reduced[i], full[i]);
        expect(off).toBeLessThan(most[i]);
        expect(off).toBeGreaterThan(1e-4);
      }
      const stored = (name: string) => model.parameters().get(`transformer.${name}.weight`)!.dtype;
      expect(stored("h.0.mlp.c_fc")).toBe(dtype === "bf16" ? "bf16" : "i8");
      // On a GPU all of a model is bf16. Else look-ups stay f32, and logits are made with a copy in fewer bits.
      const lookUps = onCuda() && dtype === "bf16" ? "bf16" : "f32";
      expect(stored("wte")).toBe(lookUps);
      if (lookUps === "bf16") return;
      const exact = linear(tensor(reduced[0], [30, 128]), model.parameters().get("transformer.wte.weight")!);
      expect(distance(reduced[1], (await exact.data()) as Float32Array)).toBeGreaterThan(1e-4);
    });
  });
});
