// The model families: how each makes its encoder and spells its names. A new family is a row here and a file.
import { AthanorError } from "../errors.js";
import { ParameterStore } from "../nn/parameter.js";
import { BertEncoder } from "./bert.js";
import type { NameRules } from "./checkpoint.js";
import type { ModelConfig } from "./config.js";
import type { Encoder } from "./encoder.js";
import { type HeadName, headKinds } from "./heads.js";
import type { ModelParts } from "./model.js";

interface Family {
  /** Start of the architecture names: Bert in BertForMaskedLM. */
  className: string;
  /** Prefix of the base model's parameters under a head. */
  prefix: string;
  encoder(store: ParameterStore, prefix: string, config: ModelConfig, pooler: boolean): Encoder;
  heads: readonly HeadName[];
  aliases: NameRules["aliases"];
  ignored: NameRules["ignored"];
}

const bert: Family = {
  className: "Bert",
  prefix: "bert.",
  encoder: (store, prefix, config, pooler) => new BertEncoder(store, prefix, config, pooler),
  heads: Object.keys(headKinds) as HeadName[],
  aliases: [
    [/\bLayerNorm\.gamma$/, "LayerNorm.weight"],
    [/\bLayerNorm\.beta$/, "LayerNorm.bias"],
    [/^cls\.predictions\.decoder\.bias$/, "cls.predictions.bias"],
  ],
  ignored: [/(^|\.)embeddings\.(position_ids|token_type_ids)$/, /^cls\.predictions\.decoder\.(weight|bias)$/],
};

const families = new Map<string, Family>([["bert", bert]]);

/** The parts of a model for a config and a head; nothing is allocated yet. */
export function modelParts(config: ModelConfig, head: HeadName): { parts: ModelParts; rules: NameRules } {
  const family = familyOf(config);
  if (!family.heads.includes(head)) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `${config.model_type}: has no ${head}, only ${family.heads.join(", ")}`,
    );
  }
  const kind = headKinds[head];
  const store = new ParameterStore();
  const prefix = head === "Model" ? "" : family.prefix;
  const encoder = family.encoder(store, prefix, config, kind.pooler);
  const architecture = family.className + head;
  const parts = { config, architecture, store, encoder, head: kind.make(store, encoder, config) };
  return { parts, rules: { prefix: family.prefix, aliases: family.aliases, ignored: family.ignored } };
}

function familyOf(config: ModelConfig): Family {
  const family = families.get(String(config.model_type));
  if (!family) {
    const known = [...families.keys()].join(", ");
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `config: model_type must be one of ${known}, got ${JSON.stringify(config.model_type)}`,
    );
  }
  return family;
}
