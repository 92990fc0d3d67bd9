// Files of models that generate as Transformers spells them, and fresh weights.
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM } from "../../src/index.js";
import type { ModelConfig } from "../../src/models/config.js";
import type { Model } from "../../src/models/model.js";
import { readSafetensors, writeSafetensors } from "../../src/models/safetensors.js";
import { noGrad } from "../../src/tensor/scope.js";
import { inFolder } from "../data/temporary.js";
import { autoClassOf } from "../support/auto-classes.js";
import { digestOf, load, sources, withModel } from "../support/generative-models.js";
import { modelFolder } from "../support/model-fixtures.js";
import { expectCode, expectCodeAsync } from "../support/ops.js";

describe("files", () => {
  test.each([
    "gpt2-lm",
    "t5-relu-tied",
    "t5-gated-gelu-untied",
    "bart-conditional",
    "mbart-conditional",
    "marian-mt",
    "marian-mt-own-words",
    "encoder-decoder-bert-pair",
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
      for (const [key, { shape, data }] of wanted) {
        const found = written.get(key)!;
        expect([found.shape, digestOf(found.data)]).toEqual([shape, digestOf(data)]);
      }
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
    noGrad(() => model.forward(model.collate(sources)).logits)
      .data()
      .then(digestOf);

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
        expect(digestOf(await bare.data())).toBe(digestOf(full));
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
    const bert = { model_type: "bert", vocab_size: 20, hidden_size: 8, num_attention_heads: 2 };
    const pair = { model_type: "encoder-decoder", encoder: bert };
    await refuse(pair, /config: decoder: must be an object/);
    await refuse(
      { ...pair, decoder: { model_type: "gpt2" } },
      /decoder.model_type must be "bert", got "gpt2"/,
    );
    await refuse(
      { ...pair, decoder: { ...bert, hidden_size: 6 } },
      /decoder.hidden_size must be .* 8, got 6/,
    );
    const gpt2 = { model_type: "gpt2", n_embd: 8, n_head: 2, n_layer: 1, add_cross_attention: true };
    const made = () => AutoModelForCausalLM.fromConfig(gpt2);
    await expectCodeAsync(made, "ERR_CHECKPOINT", /add_cross_attention must be left out/);
    await expectCodeAsync(fromConfig({ model_type: "gpt2" }), "ERR_ARGUMENT", /has no ForSeq2SeqLM/);
  });
});
