// What sets the families apart beyond their numbers (family-fixtures.test.ts): positions, where dropout is, shared
// layers, fresh weights, configs that make no sense.
import { describe, expect, test } from "@jest/globals";
import {
  type AutoClass,
  AutoModel,
  AutoModelForMaskedLM,
  AutoModelForMultipleChoice,
  AutoModelForNextSentencePrediction,
  AutoModelForPreTraining,
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
} from "../../src/models/auto.js";
import type { Example } from "../../src/models/batch.js";
import type { ModelConfig } from "../../src/models/config.js";
import type { Model, ModelOutput } from "../../src/models/model.js";
import { noGrad } from "../../src/tensor/scope.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { expectClose, expectCode, expectCodeAsync, expectSameBits } from "../support/ops.js";

const dropouts = {
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  classifier_dropout_prob: 0,
  classifier_dropout: 0,
  summary_last_dropout: 0,
  dropout: 0,
  attention_dropout: 0,
  seq_classif_dropout: 0,
  qa_dropout: 0,
};
const sizes = { vocab_size: 60, max_position_embeddings: 12, initializer_range: 0.1, ...dropouts };
const bertSizes = {
  ...sizes,
  hidden_size: 16,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  intermediate_size: 20,
};
const configs = {
  bert: { model_type: "bert", ...bertSizes },
  roberta: { model_type: "roberta", ...bertSizes, type_vocab_size: 1 },
  "xlm-roberta": { model_type: "xlm-roberta", ...bertSizes, type_vocab_size: 1, pad_token_id: 1 },
  distilbert: { model_type: "distilbert", ...sizes, dim: 16, n_layers: 3, n_heads: 2, hidden_dim: 20 },
  albert: { model_type: "albert", ...bertSizes, embedding_size: 8 },
  electra: { model_type: "electra", ...bertSizes, embedding_size: 8 },
} as const;
type FamilyName = keyof typeof configs;

const examples = [{ inputIds: [2, 5, 6, 7, 3] }, { inputIds: [2, 9, 3] }];

function forward(model: Model, inputs: readonly Example[] = examples): ModelOutput {
  return noGrad(() => model.forward(model.collate(inputs)));
}

describe("positions", () => {
  test.each(["roberta", "xlm-roberta"] as const)("of %s count from the padding id + 1", async (family) => {
    const model = await AutoModel.fromConfig({ ...configs[family], pad_token_id: 3 });
    expect(model.maxLength).toBe(8);
    const batch = model.collate([
      { inputIds: [2, 5, 6] },
      { inputIds: [2] },
      { inputIds: [5], positionIds: [7] },
    ]);
    expect(Array.from(await batch.positionIds.data())).toEqual([4, 5, 6, 4, 7]);
    expect(() => model.collate([{ inputIds: new Int32Array(8) }])).not.toThrow();
    const tooLong = () => model.collate([{ inputIds: new Int32Array(9) }]);
    expectCode(tooLong, "ERR_ARGUMENT", /example 0 has 9 tokens, the model has positions for 8/);
    await forward(model, [{ inputIds: Int32Array.from({ length: 8 }, () => 9) }]).lastHiddenState.data();
  });

  test("a padding token inside a RoBERTa sequence is not counted", async () => {
    const model = await AutoModel.fromConfig(configs.roberta);
    const batch = model.collate([{ inputIds: [0, 5, 1, 6, 1, 1, 2] }]);
    expect(Array.from(await batch.positionIds.data())).toEqual([2, 3, 1, 4, 1, 1, 5]);
  });

  test.each(["bert", "distilbert", "albert", "electra"] as const)("of %s count from 0", async (family) => {
    const model = await AutoModel.fromConfig(configs[family]);
    expect(model.maxLength).toBe(12);
    const batch = model.collate([{ inputIds: [2, 0, 6] }]);
    expect(Array.from(await batch.positionIds.data())).toEqual([0, 1, 2]);
  });
});

describe("dropout", () => {
  // How many masks a forward of three layers draws when one entry alone is not 0, as the modeling files have it.
  const cases: [FamilyName, AutoClass, entry: string, masks: number][] = [
    ["bert", AutoModel, "hidden_dropout_prob", 1 + 2 * 3],
    ["bert", AutoModel, "attention_probs_dropout_prob", 3],
    ["bert", AutoModelForSequenceClassification, "classifier_dropout", 1],
    ["bert", AutoModelForTokenClassification, "classifier_dropout", 1],
    ["bert", AutoModelForQuestionAnswering, "classifier_dropout", 0],
    ["roberta", AutoModelForSequenceClassification, "classifier_dropout", 2],
    ["roberta", AutoModelForTokenClassification, "classifier_dropout", 1],
    ["roberta", AutoModelForMultipleChoice, "classifier_dropout", 0],
    ["roberta", AutoModelForMultipleChoice, "hidden_dropout_prob", 1 + 2 * 3 + 1],
    ["roberta", AutoModelForMaskedLM, "classifier_dropout", 0],
    ["distilbert", AutoModel, "dropout", 1 + 3],
    ["distilbert", AutoModel, "attention_dropout", 3],
    ["distilbert", AutoModelForSequenceClassification, "seq_classif_dropout", 1],
    ["distilbert", AutoModelForMultipleChoice, "seq_classif_dropout", 1],
    ["distilbert", AutoModelForTokenClassification, "dropout", 1 + 3 + 1],
    ["distilbert", AutoModelForTokenClassification, "seq_classif_dropout", 0],
    ["distilbert", AutoModelForQuestionAnswering, "qa_dropout", 1],
    ["albert", AutoModel, "hidden_dropout_prob", 1 + 3],
    ["albert", AutoModel, "attention_probs_dropout_prob", 3],
    ["albert", AutoModelForSequenceClassification, "classifier_dropout_prob", 1],
    ["albert", AutoModelForTokenClassification, "classifier_dropout_prob", 1],
    ["albert", AutoModelForMultipleChoice, "classifier_dropout_prob", 1],
    ["albert", AutoModelForPreTraining, "classifier_dropout_prob", 1],
    ["electra", AutoModelForSequenceClassification, "classifier_dropout", 2],
    ["electra", AutoModelForTokenClassification, "classifier_dropout", 1],
    ["electra", AutoModelForMultipleChoice, "summary_last_dropout", 1],
    ["electra", AutoModelForPreTraining, "hidden_dropout_prob", 1 + 2 * 3],
  ];

  test.each(cases)("%s, %p: %s draws %i masks", async (family, head, entry, masks) => {
    const model = await head.fromConfig({ ...configs[family], [entry]: 0.5 });
    const inputs = head === AutoModelForMultipleChoice ? [{ choices: examples }] : examples;
    const before = model.generator.calls;
    forward(model, inputs);
    expect(model.generator.calls).toBe(before);
    forward(model.train(), inputs);
    expect(model.generator.calls - before).toBe(masks);
    model.dispose();
  });

  // Dropped but for one element in 100,000, of some hundred, an output leaves nothing of its bias.
  const spared: [FamilyName, entry: string, Record<string, boolean>][] = [
    ["bert", "hidden_dropout_prob", { "attention.output.dense": false, "output.dense": false }],
    ["distilbert", "dropout", { "attention.out_lin": true, "ffn.lin2": false }],
    ["albert", "hidden_dropout_prob", { "attention.dense": false, ffn_output: true }],
  ];

  test.each(spared)("%s: sub-layers whose outputs %s spares", async (family, entry, layers) => {
    const config = { ...configs[family], num_hidden_layers: 1, n_layers: 1, [entry]: 0.99999 };
    const model = (await AutoModel.fromConfig(config)).train();
    const plain = await forward(model).lastHiddenState.data();
    for (const [layer, reaches] of Object.entries(layers)) {
      const [name] = [...model.parameters().keys()].filter((key) => key.endsWith(`0.${layer}.bias`));
      const bias = model.parameters().get(name)!;
      bias.set(Float32Array.from({ length: 16 }, (_, i) => i));
      const changed = await forward(model).lastHiddenState.data();
      expect([layer, changed.some((x, i) => x !== plain[i])]).toEqual([layer, reaches]);
      bias.set(new Float32Array(16));
    }
  });

  test("where a config is silent it is Transformers' default", async () => {
    const silent = (family: FamilyName) =>
      Object.fromEntries(Object.entries(configs[family]).filter(([entry]) => !(entry in dropouts)));
    const masks = async (family: FamilyName, head: AutoClass) => {
      const model = await head.fromConfig(silent(family));
      forward(model.train());
      return model.generator.calls;
    };
    expect(await masks("distilbert", AutoModelForQuestionAnswering)).toBe(1 + 3 + 3 + 1);
    expect(await masks("albert", AutoModelForSequenceClassification)).toBe(1);
    expect(await masks("electra", AutoModelForSequenceClassification)).toBe(1 + 3 * 3 + 2);
  });
});

describe("heads", () => {
  test.each(["roberta", "xlm-roberta", "distilbert"] as const)(
    "AutoModelForPreTraining of %s is its masked LM, as in Transformers",
    async (family) => {
      const model = await AutoModelForPreTraining.fromConfig(configs[family]);
      expect(model.architecture).toMatch(/ForMaskedLM$/);
    },
  );

  test("only BERT predicts the next sentence", async () => {
    await AutoModelForNextSentencePrediction.fromConfig(configs.bert);
    for (const family of ["roberta", "distilbert", "albert", "electra"] as const) {
      await expectCodeAsync(
        AutoModelForNextSentencePrediction.fromConfig(configs[family]),
        "ERR_ARGUMENT",
        new RegExp(`${family}: has no ForNextSentencePrediction, only Model, `),
      );
    }
  });

  test("DistilBERT and ELECTRA have no pooler", async () => {
    for (const family of ["distilbert", "electra"] as const) {
      const model = await AutoModel.fromConfig(configs[family]);
      expect([...model.parameters().keys()].filter((name) => name.includes("pooler"))).toEqual([]);
      expect(forward(model).poolerOutput).toBeUndefined();
    }
  });

  test("DistilBERT has no token types: those of an encoding change nothing", async () => {
    const model = await AutoModel.fromConfig(configs.distilbert);
    const typed = examples.map((example) => ({ ...example, tokenTypeIds: example.inputIds.map(() => 1) }));
    const [a, b] = [forward(model), forward(model, typed)];
    expectSameBits(await a.lastHiddenState.data(), await b.lastHiddenState.data(), "hidden states");
  });

  test("ELECTRA's discriminator takes 0 and 1 for every token", async () => {
    const model = await AutoModelForPreTraining.fromConfig(configs.electra);
    const labelled = [{ inputIds: [2, 5, 3], labels: [0, 1, 0] }];
    const batch = model.collate(labelled);
    expect(batch.lossCount).toBe(3);
    expect(noGrad(() => model.forward(batch)).logits.shape).toEqual([3]);
    const wrong = () => model.collate([{ inputIds: [2, 5, 3], labels: [0, -100, 0] }]);
    expectCode(wrong, "ERR_ARGUMENT", /example 0: labels must be 0 .* or 1 .*, got -100/);
  });

  test("ELECTRA's summary without projection is the activation alone", async () => {
    const config = { ...configs.electra, summary_use_proj: false, summary_activation: "tanh" };
    const model = await AutoModelForMultipleChoice.fromConfig(config, { seed: 3 });
    expect([...model.parameters().keys()].filter((name) => name.startsWith("sequence_summary"))).toEqual([]);
    const output = forward(model, [{ choices: examples }]);
    const hidden = noGrad(() =>
      model.forward(model.collate([{ choices: examples }]), { hiddenStates: true }),
    ).hiddenStates!.at(-1) as Tensor;
    const [states, weight] = [await hidden.data(), await model.parameters().get("classifier.weight")!.data()];
    const wanted = [0, 5].map((row) =>
      Array.from(weight).reduce((sum, w, i) => sum + w * Math.tanh(states[row * 16 + i]), 0),
    );
    expectClose(await output.logits.data(), wanted, 1e-6, "logits");
  });

  test("ALBERT's pre-training needs both labels", async () => {
    const model = await AutoModelForPreTraining.fromConfig(configs.albert);
    const half = () =>
      model.collate([{ inputIds: [2, 5, 3], labels: [-100, 5, -100], nextSentenceLabel: 0 }]);
    expectCode(half, "ERR_ARGUMENT", /needs both labels and sentenceOrderLabel/);
  });
});

describe("ALBERT's groups", () => {
  const layersOf = (model: Model) =>
    [...model.parameters().keys()].filter((name) => /ffn\.weight$/.test(name)).length;

  test("share weights: parameters by group, hidden states by layer", async () => {
    const config = { ...configs.albert, num_hidden_layers: 5, num_hidden_groups: 2, inner_group_num: 3 };
    const model = await AutoModel.fromConfig(config);
    expect(layersOf(model)).toBe(2 * 3);
    const output = noGrad(() =>
      model.forward(model.collate(examples), { hiddenStates: true, attentions: true }),
    );
    expect(output.hiddenStates!.length).toBe(1 + 5 * 3);
    expect(output.attentions!.length).toBe(5 * 3);
  });

  test("a shared layer's gradient is the sum over its places", async () => {
    // One layer three times, against three groups with the same weights.
    const shared = await AutoModelForMaskedLM.fromConfig(configs.albert, { seed: 8 });
    const apart = await AutoModelForMaskedLM.fromConfig({ ...configs.albert, num_hidden_groups: 3 });
    const inGroup = (name: string, group: number) => name.replace("layer_groups.0", `layer_groups.${group}`);
    for (const [name, t] of shared.parameters()) {
      for (const group of [0, 1, 2])
        apart
          .parameters()
          .get(inGroup(name, group))!
          .set(await t.data());
    }
    const labelled = examples.map((example) => ({ ...example, labels: example.inputIds }));
    for (const model of [shared, apart]) model.forward(model.collate(labelled)).loss!.backward();
    for (const [name, t] of shared.parameters()) {
      const sum = new Float64Array(t.shape.reduce((a, b) => a * b, 1));
      for (const other of new Set([0, 1, 2].map((group) => inGroup(name, group)))) {
        const gradient = await apart.parameters().get(other)!.grad!.data();
        sum.forEach((_, i) => {
          sum[i] += gradient[i];
        });
      }
      if (!name.endsWith("key.bias")) expectClose(await t.grad!.data(), sum, 1e-5, name);
    }
  });
});

describe("fresh weights", () => {
  test("RoBERTa's padding rows are zero, of words and of positions", async () => {
    const model = await AutoModel.fromConfig(configs.roberta);
    for (const table of ["word", "position"]) {
      const rows = await model.parameters().get(`embeddings.${table}_embeddings.weight`)!.data();
      expect(Array.from(rows.slice(16, 32))).toEqual(new Array(16).fill(0));
      expect(rows.slice(0, 16).some((x) => x !== 0)).toBe(true);
    }
  });

  test("DistilBERT's positions are sines and cosines on request", async () => {
    const model = await AutoModel.fromConfig({ ...configs.distilbert, sinusoidal_pos_embds: true });
    const table = await model.parameters().get("embeddings.position_embeddings.weight")!.data();
    expect(table[0]).toBe(0);
    expect(table[1]).toBe(1);
    expect(table[5 * 16 + 6]).toBe(Math.fround(Math.sin(5 / 10000 ** (6 / 16))));
    expect(table[5 * 16 + 7]).toBe(Math.fround(Math.cos(5 / 10000 ** (6 / 16))));
  });
});

describe("configs that make no sense", () => {
  const cases: [FamilyName, ModelConfig, RegExp][] = [
    [
      "roberta",
      { pad_token_id: null },
      /pad_token_id must be from 0 to max_position_embeddings - 2.*10, got null/,
    ],
    ["roberta", { pad_token_id: 11 }, /pad_token_id must be from 0 to .*10, got 11/],
    ["bert", { pad_token_id: 60 }, /pad_token_id must be an integer from 0 to 59, got 60/],
    ["bert", { is_decoder: "yes" }, /is_decoder must be true or false, got "yes"/],
    ["bert", { add_cross_attention: true }, /add_cross_attention needs is_decoder true, got false/],
    ["roberta", { is_decoder: true }, /is_decoder must be false for an encoder, got true/],
    ["bert", { position_embedding_type: "rotary" }, /position_embedding_type must be one of .*got "rotary"/],
    ["albert", { position_embedding_type: "relative_key" }, /must be one of absolute, got "relative_key"/],
    ["bert", { pruned_heads: { 9: [0] } }, /pruned_heads must be lists of heads below 2 by layers below 3/],
    ["bert", { pruned_heads: { 0: [0, 2] } }, /pruned_heads must be lists of heads below 2/],
    ["bert", { pruned_heads: { 0: [0, 1] } }, /pruned_heads must leave layer 0 a head, got all/],
    ["albert", { pruned_heads: { 0: [0] } }, /pruned_heads must be empty for this family/],
    ["distilbert", { dim: 15 }, /dim must be a multiple of n_heads, got 15 and 2/],
    ["distilbert", { activation: "swoosh" }, /activation must be one of .*got swoosh/],
    ["distilbert", { seq_classif_dropout: 2 }, /seq_classif_dropout must be a number from 0 to 1, got 2/],
    ["albert", { embedding_size: 0 }, /embedding_size must be an integer from 1/],
    ["albert", { num_hidden_groups: 0 }, /num_hidden_groups must be an integer from 1/],
    ["albert", { inner_group_num: 1.5 }, /inner_group_num must be an integer from 1.*got 1.5/],
    ["albert", { classifier_dropout_prob: "a" }, /classifier_dropout_prob must be a number/],
    ["electra", { embedding_size: -8 }, /embedding_size must be an integer/],
    ["electra", { classifier_dropout: 1.5 }, /classifier_dropout must be a number from 0 to 1, got 1.5/],
  ];

  test.each(cases)("%s %p", async (family, change, message) => {
    const config = { ...configs[family], ...change };
    await expectCodeAsync(AutoModelForSequenceClassification.fromConfig(config), "ERR_CHECKPOINT", message);
  });

  test("electra's other summaries", async () => {
    await expectCodeAsync(
      AutoModelForMultipleChoice.fromConfig({ ...configs.electra, summary_type: "last" }),
      "ERR_CHECKPOINT",
      /summary_type must be "first", got "last"/,
    );
  });

  test("DistilBERT's sizes under their common names are sizes too", async () => {
    const { dim, n_layers, n_heads, ...rest } = configs.distilbert;
    const common = { ...rest, hidden_size: dim, num_hidden_layers: n_layers, num_attention_heads: n_heads };
    const [a, b] = [await AutoModel.fromConfig(configs.distilbert), await AutoModel.fromConfig(common)];
    expect([...b.parameters().keys()]).toEqual([...a.parameters().keys()]);
    const odd = AutoModel.fromConfig({ ...common, hidden_size: 15 });
    await expectCodeAsync(odd, "ERR_CHECKPOINT", /hidden_size must be a multiple of num_attention_heads/);
  });
});
