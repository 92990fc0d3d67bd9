// The layout of Sentence-Transformers on disk: modules.json names the modules and their folders, each with a config.json of
// its own. Read and written as versions 2 to 6 of the library do; what is loaded is saved with the entries it came with.
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AthanorError } from "../errors.js";
import type { WantedFiles } from "../hub/index.js";
import { writeFileAtomic } from "../models/atomic-file.js";
import { MODEL_FILES } from "../models/hub-files.js";
import { checkedModes, type PoolingMode, poolingModes } from "../nn/pooling.js";
import type { Activation } from "../tensor/ops/linear.js";

type Json = Record<string, unknown>;

/** A linear layer behind the pooling. */
export interface DenseModule {
  kind: "dense";
  path: string;
  type: string;
  config: Json;
  inFeatures: number;
  outFeatures: number;
  bias: boolean;
  activation: Activation;
}

/** Rows of length one. */
export interface NormalizeModule {
  kind: "normalize";
  path: string;
  type: string;
  config?: Json;
}

/** A sentence model beside its encoder. */
export interface SentenceModules {
  /** The encoder's folder as it was found; it is saved in the model's own. */
  transformer: { path: string; type: string; config: Json };
  pooling: { path: string; type: string; config: Json; modes: PoolingMode[]; includePrompt: boolean };
  /** In order. */
  further: (DenseModule | NormalizeModule)[];
  /** config_sentence_transformers.json */
  settings: Json;
}

const MODULES = "modules.json";
const SETTINGS = "config_sentence_transformers.json";
const TRANSFORMER_CONFIGS = ["bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta"].map(
  (name) => `sentence_${name}_config.json`,
);

/** How the library spells the modes: as a word, and as a flag of older files. */
const SPELLINGS: Record<PoolingMode, [word: string, flag: string]> = {
  cls: ["cls", "pooling_mode_cls_token"],
  max: ["max", "pooling_mode_max_tokens"],
  mean: ["mean", "pooling_mode_mean_tokens"],
  meanSqrtLen: ["mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"],
  weightedMean: ["weightedmean", "pooling_mode_weightedmean_tokens"],
  lastToken: ["lasttoken", "pooling_mode_lasttoken"],
};

const ACTIVATIONS = new Map<string, Activation>([
  ["Identity", "none"],
  ["Tanh", "tanh"],
  ["ReLU", "relu"],
  ["GELU", "gelu"],
  ["Sigmoid", "sigmoid"],
  ["SiLU", "silu"],
]);

/** What `SentenceTransformer.fromPretrained` needs of a repository of the Hub. */
export const SENTENCE_FILES: WantedFiles = {
  what: "a sentence model",
  choose(names) {
    if (!names.includes(MODULES)) return MODEL_FILES.choose(names);
    const root = [MODULES, SETTINGS, ...TRANSFORMER_CONFIGS, "config.json"];
    const weights = ["model.safetensors", "model.safetensors.index.json"].find((name) =>
      names.includes(name),
    );
    const inFolders = names.filter((name) => /^\d+_\w+\/[^/]+\.(json|txt|model|safetensors)$/.test(name));
    const wanted = [...root.filter((name) => names.includes(name)), ...inFolders];
    return weights === undefined ? wanted : [...wanted, weights];
  },
  more: MODEL_FILES.more,
};

/** The modules of a folder; undefined for one without modules.json. Rejects with ERR_CHECKPOINT. */
export async function readSentenceModules(
  folder: string,
  widthOf: (transformerFolder: string) => Promise<number>,
): Promise<SentenceModules | undefined> {
  const file = join(folder, MODULES);
  const list = await readJson(file);
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) throw fault(file, "a list of modules", typeof list);
  const entries = list.map((entry) => moduleEntry(file, entry));
  const [first, second, ...others] = entries;
  const kinds = entries.map(({ kind }) => kind);
  if (kinds[0] !== "Transformer" || kinds[1] !== "Pooling")
    throw fault(file, "a Transformer, then a Pooling", kinds.join(", ") || "none");
  const transformer = { ...first, config: await transformerConfig(join(folder, first.path)) };
  const width = await widthOf(join(folder, first.path));
  const pooling = { ...second, ...(await readPooling(join(folder, second.path, "config.json"), width)) };
  const further: SentenceModules["further"] = [];
  let features = width * pooling.modes.length;
  for (const entry of others) {
    const made = await furtherModule(folder, entry, features);
    if (made.kind === "dense") features = made.outFeatures;
    further.push(made);
  }
  const settings = ((await readJson(join(folder, SETTINGS))) ?? {}) as Json;
  return { transformer: plain(transformer), pooling: plain(pooling), further, settings };
}

const plain = <T extends { kind: string }>({ kind: _, ...others }: T): Omit<T, "kind"> => others;

interface ModuleEntry {
  /** The class's name. */
  kind: string;
  path: string;
  type: string;
}

/** A stranger's folder must not reach out of itself. */
function moduleEntry(file: string, entry: unknown): ModuleEntry {
  const { path, type } = (entry ?? {}) as Json;
  if (typeof path !== "string" || typeof type !== "string")
    throw fault(file, "modules with path and type", entry);
  if (!/^([\w-][\w.-]*)?$/.test(path)) throw fault(file, "paths of folders in the model's own", path);
  return { kind: type.split(".").at(-1)!, path, type };
}

async function transformerConfig(folder: string): Promise<Json> {
  for (const name of TRANSFORMER_CONFIGS) {
    const found = await readJson(join(folder, name));
    if (found !== undefined) return found as Json;
  }
  return {};
}

async function readPooling(file: string, width: number) {
  const config = (await readJson(file)) as Json | undefined;
  if (config === undefined) throw fault(file, "the config of a Pooling", "no such file");
  const given = config.embedding_dimension ?? config.word_embedding_dimension;
  if (given !== width) throw fault(file, `embeddings ${width} wide as the encoder's`, given);
  return { config, modes: storedModes(file, config), includePrompt: config.include_prompt !== false };
}

function storedModes(file: string, config: Json): PoolingMode[] {
  const { pooling_mode: words } = config;
  if (words === undefined) {
    const modes = poolingModes.filter((mode) => config[SPELLINGS[mode][1]] === true);
    return modes.length > 0 ? modes : ["mean"];
  }
  const list = [words].flat();
  const modes = list.map((word) => poolingModes.find((mode) => SPELLINGS[mode][0] === word));
  const unknown = modes.indexOf(undefined);
  if (unknown < 0 && modes.length > 0) return modes as PoolingMode[];
  const known = poolingModes.map((mode) => SPELLINGS[mode][0]).join(", ");
  throw fault(file, `pooling_mode one or more of ${known}`, unknown < 0 ? "none" : list[unknown]);
}

async function furtherModule(
  folder: string,
  { kind, path, type }: ModuleEntry,
  features: number,
): Promise<DenseModule | NormalizeModule> {
  const file = join(folder, path, "config.json");
  const config = (await readJson(file)) as Json | undefined;
  if (kind === "Normalize") return { kind: "normalize", path, type, ...(config && { config }) };
  if (kind !== "Dense") {
    const needed = "modules of the kinds Transformer, Pooling, Dense and Normalize";
    throw fault(join(folder, MODULES), needed, type);
  }
  const {
    in_features: inFeatures,
    out_features: outFeatures,
    bias = true,
    use_residual: residual,
  } = config ?? {};
  if (inFeatures !== features) throw fault(file, `in_features ${features}`, inFeatures);
  if (!Number.isSafeInteger(outFeatures) || (outFeatures as number) < 1)
    throw fault(file, "out_features an integer from 1", outFeatures);
  if (residual) throw fault(file, "a Dense without use_residual", residual);
  const stored = String(config?.activation_function ?? "torch.nn.modules.activation.Tanh");
  const activation = stored.startsWith("torch.nn.") ? ACTIVATIONS.get(stored.split(".").at(-1)!) : undefined;
  if (!activation)
    throw fault(file, `activation_function one of ${[...ACTIVATIONS.keys()].join(", ")}`, stored);
  return {
    ...{
      kind: "dense",
      path,
      type,
      config: config!,
      inFeatures: features,
      outFeatures: outFeatures as number,
    },
    ...{ bias: bias !== false, activation },
  };
}

export interface FreshModules {
  /** Default "mean". */
  pooling?: PoolingMode | readonly PoolingMode[];
  /** Width of a linear layer with tanh behind the pooling; none by default. */
  dense?: number;
  /** Whether embeddings are scaled to length one; default false. */
  normalize?: boolean;
}

/** Modules that no folder describes. @throws ERR_ARGUMENT for an unknown pooling or a width that is none */
export function freshModules(width: number, options: FreshModules): SentenceModules {
  const { pooling = "mean", dense, normalize = false } = options;
  const modes = checkedModes("SentenceTransformer", pooling);
  if (dense !== undefined && (!Number.isSafeInteger(dense) || dense < 1)) {
    throw new AthanorError(
      "ERR_ARGUMENT",
      `SentenceTransformer: dense must be an integer from 1, got ${dense}`,
    );
  }
  const flags = poolingModes.map((mode) => [SPELLINGS[mode][1], modes.includes(mode)]);
  const type = (name: string) => `sentence_transformers.models.${name}`;
  const further: SentenceModules["further"] = [];
  const path = (name: string) => `${2 + further.length}_${name}`;
  if (dense !== undefined) {
    const inFeatures = width * modes.length;
    const activation_function = "torch.nn.modules.activation.Tanh";
    const config = { in_features: inFeatures, out_features: dense, bias: true, activation_function };
    const sizes = { inFeatures, outFeatures: dense, bias: true, activation: "tanh" as const };
    further.push({ kind: "dense", path: path("Dense"), type: type("Dense"), config, ...sizes });
  }
  if (normalize) further.push({ kind: "normalize", path: path("Normalize"), type: type("Normalize") });
  return {
    transformer: { path: "", type: type("Transformer"), config: { do_lower_case: false } },
    pooling: {
      ...{ path: "1_Pooling", type: type("Pooling"), modes: poolingModes.filter((m) => modes.includes(m)) },
      ...{ includePrompt: true },
      config: { word_embedding_dimension: width, ...Object.fromEntries(flags), include_prompt: true },
    },
    further,
    settings: { prompts: {}, default_prompt_name: null, similarity_fn_name: "cosine" },
  };
}

/** Makes the folders of the modules. */
export async function makeModuleFolders(
  folder: string,
  { pooling, further }: SentenceModules,
): Promise<void> {
  for (const { path } of [pooling, ...further]) await mkdir(join(folder, path), { recursive: true });
}

/** Writes modules.json and the configs; the encoder's folder becomes the model's own. */
export async function writeSentenceModules(folder: string, modules: SentenceModules): Promise<void> {
  const { transformer, pooling, further, settings } = modules;
  const write = (path: string, value: unknown) =>
    writeFileAtomic(join(folder, path), `${JSON.stringify(value, null, 2)}\n`);
  for (const { path, config } of [pooling, ...further])
    if (config) await write(join(path, "config.json"), config);
  await write(TRANSFORMER_CONFIGS[0], transformer.config);
  await write(SETTINGS, settings);
  const entries = [{ ...transformer, path: "" }, pooling, ...further];
  await write(
    MODULES,
    entries.map(({ path, type }, idx) => ({ idx, name: String(idx), path, type })),
  );
}

/** Undefined where there is no such file. Rejects with ERR_CHECKPOINT for what is no JSON. */
async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch {
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AthanorError("ERR_CHECKPOINT", `${file}: must be JSON, ${(cause as Error).message}`, { cause });
  }
}

function fault(file: string, needed: string, came: unknown): AthanorError {
  const shown = typeof came === "string" ? came : JSON.stringify(came);
  return new AthanorError("ERR_CHECKPOINT", `${file}: needs ${needed}, got ${shown}`);
}
