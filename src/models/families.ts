// The model families: how each makes its encoder and its heads and spells its names. A new family is a row here and
// a file for its encoder.
import { AthanorError } from "../errors.js";
import { ParameterStore } from "../nn/parameter.js";
import { AlbertEncoder } from "./albert.js";
import { BertEncoder, type BertVariant, bert, electra, roberta, xlmRoberta } from "./bert.js";
import type { NameRules } from "./checkpoint.js";
import type { ModelConfig } from "./config.js";
import { DistilBertEncoder } from "./distilbert.js";
import type { Encoder } from "./encoder.js";
import { albertHeads, bertHeads, distilbertHeads, electraHeads, robertaHeads } from "./family-heads.js";
import type { FamilyHeads, HeadKind, HeadName, NamedHead } from "./head.js";
import type { ModelParts } from "./model.js";

interface Family {
  /** Start of the architecture names: Bert in BertForMaskedLM. */
  className: string;
  /** Prefix of the base model's parameters under a head. */
  prefix: string;
  encoder(store: ParameterStore, prefix: string, config: ModelConfig, pooler: boolean): Encoder;
  heads: FamilyHeads;
  /** The output layer of the masked language model, of which files may hold a second copy. */
  decoder: string;
  /** The bias of that layer under the name that is kept. */
  decoderBias: string;
}

const bertLike =
  (variant: BertVariant): Family["encoder"] =>
  (store, prefix, config, pooler) =>
    new BertEncoder(store, prefix, config, pooler, variant);

const robertaLike = (className: string, variant: BertVariant): Family => ({
  className,
  prefix: "roberta.",
  encoder: bertLike(variant),
  heads: robertaHeads,
  decoder: "lm_head.decoder",
  decoderBias: "lm_head.bias",
});

const families = new Map<string, Family>([
  [
    "bert",
    {
      className: "Bert",
      prefix: "bert.",
      encoder: bertLike(bert),
      heads: bertHeads,
      decoder: "cls.predictions.decoder",
      decoderBias: "cls.predictions.bias",
    },
  ],
  ["roberta", robertaLike("Roberta", roberta)],
  ["xlm-roberta", robertaLike("XLMRoberta", xlmRoberta)],
  ["camembert", robertaLike("Camembert", xlmRoberta)],
  [
    "distilbert",
    {
      className: "DistilBert",
      prefix: "distilbert.",
      encoder: (store, prefix, config) => new DistilBertEncoder(store, prefix, config),
      heads: distilbertHeads,
      decoder: "vocab_projector",
      decoderBias: "vocab_projector.bias",
    },
  ],
  [
    "albert",
    {
      className: "Albert",
      prefix: "albert.",
      encoder: (store, prefix, config, pooler) => new AlbertEncoder(store, prefix, config, pooler),
      heads: albertHeads,
      decoder: "predictions.decoder",
      decoderBias: "predictions.bias",
    },
  ],
  [
    "electra",
    {
      className: "Electra",
      prefix: "electra.",
      encoder: bertLike(electra),
      heads: electraHeads,
      decoder: "generator_lm_head",
      decoderBias: "generator_lm_head.bias",
    },
  ],
]);

/** The parts of a model for a config and a head; nothing is allocated yet. */
export function modelParts(
  config: ModelConfig,
  head: HeadName | NamedHead,
): { parts: ModelParts; rules: NameRules } {
  const family = familyOf(config);
  const { name, kind } = typeof head === "object" ? head : headOf(family, head, config);
  const store = new ParameterStore();
  const prefix = name === "Model" ? "" : family.prefix;
  const encoder = family.encoder(store, prefix, config, kind.pooler);
  const ofEncoder = new Set([...store.all()].map(({ name: parameter }) => parameter));
  const parts = {
    config,
    architecture: family.className + name,
    store,
    encoder,
    head: kind.make(store, encoder, config),
    headParameters: [...store.all()].map(({ name: own }) => own).filter((own) => !ofEncoder.has(own)),
    rebuild: (other: ModelConfig) => modelParts(other, head).parts,
  };
  return { parts, rules: nameRules(family) };
}

function headOf(family: Family, head: HeadName, config: ModelConfig): { name: HeadName; kind: HeadKind } {
  const entry = family.heads[head];
  if (typeof entry === "string") return headOf(family, entry, config);
  if (!entry) {
    const known = Object.keys(family.heads).join(", ");
    throw new AthanorError("ERR_ARGUMENT", `${config.model_type}: has no ${head}, only ${known}`);
  }
  return { name: head, kind: entry };
}

/** Older spellings and second copies, alike in all families. */
function nameRules({ prefix, decoder, decoderBias }: Family): NameRules {
  const escaped = decoder.replaceAll(".", "\\.");
  return {
    prefix,
    aliases: [
      [/\bLayerNorm\.gamma$/, "LayerNorm.weight"],
      [/\bLayerNorm\.beta$/, "LayerNorm.bias"],
      [new RegExp(`^${escaped}\\.bias$`), decoderBias],
      [new RegExp(`^${escaped}\\.weight$`), `${prefix}embeddings.word_embeddings.weight`],
    ],
    ignored: [
      /(^|\.)embeddings\.(position_ids|token_type_ids)$/,
      ...(decoderBias === `${decoder}.bias` ? [] : [new RegExp(`^${escaped}\\.bias$`)]),
    ],
  };
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
