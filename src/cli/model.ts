// The model and the tokenizer of a command: from a checkpoint, or fresh from a few sizes.
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { gunzipSync } from "node:zlib";
import { AthanorError } from "../errors.js";
import { pretrainedFolder } from "../hub/index.js";
import { readConfig } from "../models/config.js";
import { MODEL_FILES } from "../models/hub-files.js";
import type { LoadReport, Model, ModelConfig } from "../models/index.js";
import type { TaskEntry } from "../tasks/entry.js";
import type { LanguageOptions } from "../tasks/generation/languages.js";
import type { Device } from "../tensor/tensor.js";
import { AutoTokenizer, BertTokenizer, type Tokenizer } from "../tokenizers/index.js";
import { usage } from "./errors.js";

/** What `train` and its kin say of the model. */
export interface ModelOptions {
  /** A folder, or a repository of the Hub. */
  model?: string;
  /** A config.json for fresh weights. */
  config?: string;
  /** A folder, a repository, or a vocab.txt. */
  tokenizer?: string;
  layers?: number;
  hidden?: number;
  heads?: number;
  intermediate?: number;
  positions?: number;
  dropout?: number;
  device?: Device;
  seed?: number;
}

type SizeName = "layers" | "hidden" | "heads" | "intermediate" | "positions";

// How the families spell a size; the config's own spelling is taken, else the first.
const SIZES: Record<SizeName, readonly string[]> = {
  layers: ["num_hidden_layers", "n_layers"],
  hidden: ["hidden_size", "dim"],
  heads: ["num_attention_heads", "n_heads"],
  intermediate: ["intermediate_size", "hidden_dim"],
  positions: ["max_position_embeddings"],
};

// Four layers, 256 wide: a BERT that learns a few thousand rows within minutes on two cores.
const SMALL: Required<Pick<ModelOptions, SizeName>> = {
  ...{ layers: 4, hidden: 256, heads: 4, intermediate: 1024, positions: 512 },
};

/**
 * The tokenizer of a folder, of a repository, or of a WordPiece vocabulary in a text file. One that has languages is set to
 * those that are given, and keeps them when it is saved.
 */
export async function loadTokenizer(name: string, languages: LanguageOptions = {}): Promise<Tokenizer> {
  if (![".txt", ".gz"].includes(extname(name))) {
    const tokenizer = await AutoTokenizer.fromPretrained(name);
    const settles = tokenizer.languages !== null && Object.keys(languages).length > 0;
    return settles ? await AutoTokenizer.fromPretrained(name, languages) : tokenizer;
  }
  let bytes: Buffer;
  try {
    bytes = await readFile(name);
    if (name.endsWith(".gz")) bytes = gunzipSync(bytes);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const came = code === "ENOENT" ? "no such file" : (code ?? String(cause));
    throw new AthanorError("ERR_TOKENIZER", `${name}: needs a vocabulary that can be read, got ${came}`, {
      cause,
    });
  }
  const tokens = bytes.toString("utf8").trimEnd().split(/\r?\n/);
  return BertTokenizer.fromVocabulary(tokens, { modelMaxLength: 512 });
}

/** Where the tokenizer comes from. @throws ERR_ARGUMENT when nothing says so */
export function tokenizerName({ model, tokenizer }: ModelOptions): string {
  const name = tokenizer ?? model;
  if (name !== undefined) return name;
  throw usage(
    "train needs --model FOLDER to start from a checkpoint, or --tokenizer FOLDER (or vocab.txt) for fresh weights",
    "neither",
  );
}

/** The config of the checkpoint to start from; undefined for fresh weights. */
export async function checkpointConfig({ model }: ModelOptions): Promise<ModelConfig | undefined> {
  if (model === undefined) return undefined;
  return await readConfig(await pretrainedFolder("athanor", model, MODEL_FILES));
}

/** The classes of the model: the checkpoint's own where it knows all that the data has, so that its head is kept. */
export function chooseLabels(
  checkpoint: ModelConfig | undefined,
  found: string[] | undefined,
): string[] | undefined {
  const { id2label = {} } = checkpoint ?? {};
  const own = Object.keys(id2label).map((_, id) => id2label[id]);
  return found?.every((label) => own.includes(label)) ? own : found;
}

/** The model to train: a checkpoint's with a head for these labels, or fresh weights. */
export async function makeModel(
  entry: TaskEntry,
  options: ModelOptions,
  how: {
    tokenizer: Tokenizer;
    labels?: string[];
    checkpoint?: ModelConfig;
    taskConfig: Partial<ModelConfig>;
    onReport: (report: LoadReport) => void;
  },
): Promise<Model> {
  const { device, seed, model } = options;
  const { labels, checkpoint, taskConfig, tokenizer, onReport } = how;
  if (model === undefined || checkpoint === undefined) {
    const config = { ...(await freshConfig(options, tokenizer.vocabSize)), ...taskConfig };
    return await entry.auto.fromConfig(config, { device, seed, labels });
  }
  const sizes = Object.keys(SIZES).find((name) => options[name as SizeName] !== undefined);
  if (sizes !== undefined) throw usage(`--${sizes} is for fresh weights, not beside --model`, model);
  const config = { ...taskConfig, ...dropoutOf(checkpoint, options) };
  // A head for other classes starts afresh.
  const load = { device, seed, labels, config, ignoreMismatchedSizes: true, onReport };
  return await entry.auto.fromPretrained(model, load);
}

async function freshConfig(options: ModelOptions, vocabSize: number): Promise<ModelConfig> {
  const base: ModelConfig = options.config === undefined ? {} : await readJson(options.config);
  const config: ModelConfig = { model_type: "bert", ...base };
  Object.assign(config, dropoutOf(config, options));
  for (const size of Object.keys(SIZES) as SizeName[]) {
    const [first, ...others] = SIZES[size];
    const spelling = others.find((name) => Object.hasOwn(config, name)) ?? first;
    const fallback = size === "intermediate" ? 4 * (options.hidden ?? SMALL.hidden) : SMALL[size];
    config[spelling] = options[size] ?? config[spelling] ?? fallback;
  }
  config.vocab_size = vocabSize;
  return config;
}

function dropoutOf({ model_type }: ModelConfig, { dropout }: ModelOptions): Partial<ModelConfig> {
  if (dropout === undefined) return {};
  const names =
    model_type === "distilbert"
      ? ["dropout", "attention_dropout", "seq_classif_dropout", "qa_dropout"]
      : ["hidden_dropout_prob", "attention_probs_dropout_prob"];
  return Object.fromEntries(names.map((name) => [name, dropout]));
}

async function readJson(file: string): Promise<ModelConfig> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const came = code === "ENOENT" ? "no such file" : message;
    throw new AthanorError("ERR_CHECKPOINT", `${file}: needs a config in JSON, got ${came}`, { cause });
  }
}
