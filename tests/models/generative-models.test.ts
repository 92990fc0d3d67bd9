// What models that generate have beside their numbers: targets made of labels, files as Transformers spells them,
// fresh weights, gradient checkpointing, attention probabilities, weights in fewer bits.
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM } from "../../src/index.js";
import type { Example } from "../../src/models/batch.js";
import type { ModelConfig } from "../../src/models/config.js";
import type { Model } from "../../src/models/model.js";
import { readSafetensors, writeSafetensors } from "../../src/models/safetensors.js";
import { Generator } from "../../src/tensor/random.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { inFolder } from "../data/temporary.js";
import { autoClassOf } from "../support/auto-classes.js";
import { modelFolder } from "../support/model-fixtures.js";
import { expectCode, expectCodeAsync } from "../support/ops.js";

const load = (name: string, options = {}): Promise<Model> =>
  autoClassOf(name).fromPretrained(modelFolder(name), options);

async function withModel<T>(model: Promise<Model>, use: (model: Model) => T | Promise<T>): Promise<T> {
  const loaded = await model;
  try {
    return await use(loaded);
  } finally {
    loaded.dispose();
  }
}

const sources = [
  { inputIds: [7, 21, 3, 30, 15], labels: [9, 11, -100, 5] },
  { inputIds: [12, 8], labels: [9, 31] },
];

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
      gradients.set(name, await parameter.grad?.data());
      parameter.grad = null;
    }
    return { loss: await loss.item(), gradients, calls: model.generator.calls };
  }

  test.each(["gpt2-lm", "t5-gated-gelu-untied", "bart-conditional", "mbart-conditional"])(
    "%s",
    async (name) => {
      const examples = name === "gpt2-lm" ? [{ inputIds: [5, 6, 7], labels: [5, 6, 7] }] : sources;
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

describe("files", () => {
  test.each([
    "gpt2-lm",
    "t5-relu-tied",
    "t5-gated-gelu-untied",
    "bart-conditional",
    "mbart-conditional",
    "marian-mt",
    "marian-mt-own-words",
    "mt5-conditional",
  ])("%s: saved with the names and values that Transformers saved", async (name) => {
    await inFolder(async (folder) => {
      const generation = { decoder_start_token_id: 2, top_k: 0, _from_model_config: true };
      const source = join(folder, "source");
      await withModel(load(name), async (model) => {
        await model.savePretrained(source);
        await writeFile(join(source, "generation_config.json"), JSON.stringify(generation));
      });
      const out = join(folder, "out");
      await withModel(autoClassOf(name).fromPretrained(source), (model) => model.savePretrained(out));
      const [wanted, written] = await Promise.all(
        [modelFolder(name), out].map((from) => readSafetensors(join(from, "model.safetensors"))),
      );
      expect([...written.keys()].sort()).toEqual([...wanted.keys()].sort());
      for (const [key, { shape, data }] of wanted) expect(written.get(key)).toMatchObject({ shape, data });
      const parse = async (file: string) => JSON.parse(await readFile(file, "utf8"));
      expect(await parse(join(out, "config.json"))).toEqual(
        await parse(join(modelFolder(name), "config.json")),
      );
      expect(await parse(join(out, "generation_config.json"))).toEqual(generation);
    });
  });

  /** A copy of a fixture with other config entries and tensors. */
  async function altered<T>(
    name: string,
    config: ModelConfig,
    change: (tensors: Awaited<ReturnType<typeof readSafetensors>>) => void,
    use: (folder: string) => Promise<T>,
  ): Promise<T> {
    return await inFolder(async (folder) => {
      const from = modelFolder(name);
      const old = JSON.parse(await readFile(join(from, "config.json"), "utf8"));
      await writeFile(join(folder, "config.json"), JSON.stringify({ ...old, ...config }));
      const tensors = await readSafetensors(join(from, "model.safetensors"));
      change(tensors);
      const sourcesOf = [...tensors].map(([key, { shape, data }]) => ({
        name: key,
        dtype: "F32" as const,
        shape,
        data: () => data,
      }));
      await writeSafetensors(join(folder, "model.safetensors"), sourcesOf);
      return await use(folder);
    });
  }

  const logitsOf = (model: Model) =>
    noGrad(() => model.forward(model.collate(sources)).logits).data() as Promise<Float32Array>;

  test("T5 v1.1 in Transformers 5's spelling keeps its own output layer", async () => {
    const wanted = await withModel(load("t5-gated-gelu-untied"), logitsOf);
    const config = { tie_word_embeddings: true, scale_decoder_outputs: false };
    await altered(
      "t5-gated-gelu-untied",
      config,
      () => {},
      async (folder) => {
        await withModel(AutoModelForSeq2SeqLM.fromPretrained(folder), async (model) => {
          expect(model.loadReport.missing).toEqual([]);
          expect(await logitsOf(model)).toEqual(wanted);
        });
      },
    );
  });

  test("T5 v1.0 with a second copy of its embeddings is tied", async () => {
    const copy = (tensors: Awaited<ReturnType<typeof readSafetensors>>) => {
      const shared = tensors.get("shared.weight")!;
      for (const name of ["lm_head.weight", "encoder.embed_tokens.weight"])
        tensors.set(name, { ...shared, name });
    };
    const config = { scale_decoder_outputs: undefined };
    const wanted = await withModel(load("t5-relu-tied"), logitsOf);
    await altered("t5-relu-tied", config, copy, async (folder) => {
      await withModel(AutoModelForSeq2SeqLM.fromPretrained(folder), async (model) => {
        expect(model.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
        expect(model.parameters().has("lm_head.weight")).toBe(false);
        expect(await logitsOf(model)).toEqual(wanted);
      });
    });
  });

  test("embeddings under one of their other names, no bias of logits", async () => {
    const rename = (tensors: Awaited<ReturnType<typeof readSafetensors>>) => {
      const name = "model.encoder.embed_tokens.weight";
      tensors.set(name, { ...tensors.get("model.shared.weight")!, name });
      tensors.delete("model.shared.weight");
      tensors.delete("final_logits_bias");
    };
    await altered("bart-conditional", {}, rename, async (folder) => {
      await withModel(AutoModelForSeq2SeqLM.fromPretrained(folder), async (model) => {
        expect(model.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
        const bias = model.weights().get("final_logits_bias")!;
        expect(await bias.data()).toEqual(new Float32Array(180));
        expect(model.parameters().has("final_logits_bias")).toBe(false);
      });
    });
  });

  test.each(["gpt2-lm", "t5-relu-tied", "marian-mt"])("%s: the bare model of it", async (name) => {
    await inFolder(async (folder) => {
      for (const file of ["config.json", "model.safetensors"]) {
        await copyFile(join(modelFolder(name), file), join(folder, file));
      }
      await withModel(AutoModel.fromPretrained(folder), async (model) => {
        const { missing, mismatched } = model.loadReport;
        expect([missing, mismatched]).toEqual([[], []]);
        const examples = sources.map(({ inputIds }) => ({ inputIds, decoderInputIds: [0, 4] }));
        const bare = noGrad(() => model.forward(model.collate(examples)).lastHiddenState);
        const full = await withModel(load(name), (whole) =>
          noGrad(() => whole.forward(whole.collate(examples)).lastHiddenState).data(),
        );
        expect(await bare.data()).toEqual(full);
        expectCode(() => model.createCache(), "ERR_ARGUMENT", /needs a model that generates/);
      });
    });
  });
});

describe("fresh weights start as in Transformers", () => {
  const deviation = async (model: Model, name: string): Promise<number> => {
    const values = (await model.parameters().get(name)!.data()) as Float32Array;
    return Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
  };
  const near = (actual: number, wanted: number) => expect(Math.abs(actual / wanted - 1)).toBeLessThan(0.1);

  test("GPT-2: what ends a sub-layer is smaller", async () => {
    const config = { model_type: "gpt2", vocab_size: 90, n_embd: 48, n_head: 4, n_layer: 8, n_positions: 20 };
    await withModel(AutoModelForCausalLM.fromConfig(config, { seed: 2 }), async (model) => {
      near(await deviation(model, "transformer.h.3.attn.c_attn.weight"), 0.02);
      near(await deviation(model, "transformer.h.3.attn.c_proj.weight"), 0.02 / 4);
      near(await deviation(model, "transformer.h.3.mlp.c_proj.weight"), 0.02 / 4);
      expect(await deviation(model, "transformer.h.3.mlp.c_fc.bias")).toBe(0);
    });
  });

  test("T5: by the widths", async () => {
    const sizes = { vocab_size: 90, d_model: 48, d_kv: 9, num_heads: 4, d_ff: 100, num_layers: 1 };
    const config = {
      model_type: "t5",
      ...sizes,
      feed_forward_proj: "gated-gelu",
      tie_word_embeddings: false,
    };
    await withModel(AutoModelForSeq2SeqLM.fromConfig(config, { seed: 2 }), async (model) => {
      const block = "decoder.block.0.layer";
      near(await deviation(model, `${block}.0.SelfAttention.q.weight`), (48 * 9) ** -0.5);
      near(await deviation(model, `${block}.0.SelfAttention.k.weight`), 48 ** -0.5);
      near(await deviation(model, `${block}.1.EncDecAttention.o.weight`), 36 ** -0.5);
      near(await deviation(model, `${block}.2.DenseReluDense.wo.weight`), 0.1);
      near(await deviation(model, "shared.weight"), 1);
      near(await deviation(model, "lm_head.weight"), 1);
    });
  });

  test("BART: the padding row is zero; Marian's positions are in no file", async () => {
    const sizes = { vocab_size: 30, d_model: 24, encoder_layers: 1, decoder_layers: 1, init_std: 0.3 };
    const heads = { encoder_attention_heads: 2, decoder_attention_heads: 2 };
    const inner = { encoder_ffn_dim: 30, decoder_ffn_dim: 30, max_position_embeddings: 20 };
    const config = { model_type: "bart", ...sizes, ...heads, ...inner };
    await withModel(AutoModelForSeq2SeqLM.fromConfig(config, { seed: 2 }), async (model) => {
      const words = (await model.parameters().get("model.shared.weight")!.data()) as Float32Array;
      expect(words.slice(24, 48)).toEqual(new Float32Array(24));
      near(await deviation(model, "model.shared.weight"), 0.3);
      expect(model.parameters().get("model.encoder.embed_positions.weight")!.shape).toEqual([22, 24]);
    });
    const marian = { ...config, model_type: "marian", pad_token_id: 29, decoder_start_token_id: 29 };
    await withModel(AutoModelForSeq2SeqLM.fromConfig(marian, { seed: 2 }), (model) => {
      const names = [...model.weights().keys()];
      expect(names.filter((name) => name.includes("embed_positions"))).toEqual([]);
    });
  });

  test("configs that cannot be", async () => {
    const t5 = { model_type: "t5", vocab_size: 90, d_model: 48, num_layers: 1 };
    const fromConfig = (config: ModelConfig) => () => AutoModelForSeq2SeqLM.fromConfig(config);
    const refuse = (config: ModelConfig, message: RegExp) =>
      expectCodeAsync(fromConfig(config), "ERR_CHECKPOINT", message);
    await refuse({ ...t5, feed_forward_proj: "gated-tanh" }, /feed_forward_proj must be gated by one of/);
    await refuse({ ...t5, feed_forward_proj: "a-b-c" }, /feed_forward_proj must be one of/);
    await refuse({ ...t5, d_kv: 0 }, /d_kv must be an integer/);
    const gpt2 = { model_type: "gpt2", n_embd: 8, n_head: 2, n_layer: 1, add_cross_attention: true };
    const made = () => AutoModelForCausalLM.fromConfig(gpt2);
    await expectCodeAsync(made, "ERR_CHECKPOINT", /add_cross_attention must be left out/);
    await expectCodeAsync(fromConfig({ model_type: "gpt2" }), "ERR_ARGUMENT", /has no ForSeq2SeqLM/);
  });
});

test.each(["bf16", "int8"] as const)("GPT-2 with weights in %s is near the one in f32", async (dtype) => {
  const sizes = { vocab_size: 300, n_embd: 128, n_head: 4, n_layer: 3, n_positions: 40 };
  const config = { model_type: "gpt2", ...sizes, initializer_range: 0.08 };
  await inFolder(async (folder) => {
    await withModel(AutoModelForCausalLM.fromConfig(config, { seed: 3 }), (model) =>
      model.savePretrained(folder),
    );
    const examples = [{ inputIds: Array.from({ length: 30 }, (_, i) => (i * 37) % 300) }];
    const hidden = (model: Model) =>
      noGrad(() => model.forward(model.collate(examples)).lastHiddenState).data() as Promise<Float32Array>;
    const full = await withModel(AutoModelForCausalLM.fromPretrained(folder), hidden);
    await withModel(AutoModelForCausalLM.fromPretrained(folder, { dtype }), async (model) => {
      const reduced = await hidden(model);
      const squares = (x: Float32Array) => x.reduce((sum, v) => sum + v * v, 0);
      const off = Math.sqrt(squares(reduced.map((v, i) => v - full[i])) / squares(full));
      expect(off).toBeLessThan(dtype === "bf16" ? 0.01 : 0.04);
      expect(off).toBeGreaterThan(1e-4);
      expect(model.parameters().get("transformer.h.0.mlp.c_fc.weight")!.dtype).toBe(
        dtype === "bf16" ? "bf16" : "i8",
      );
    });
  });
});
