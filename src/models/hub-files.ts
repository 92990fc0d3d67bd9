// The files of a model in a repository of the Hub: its configs and its weights as safetensors, nothing else.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AthanorError } from "../errors.js";
import type { WantedFiles } from "../hub/index.js";

const SINGLE = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const CONFIG = "config.json";
const OPTIONAL = ["generation_config.json"];

/** What `AutoModel.fromPretrained` needs. */
export const MODEL_FILES: WantedFiles = {
  what: "a model",
  choose(names) {
    const weights = [SINGLE, INDEX].find((name) => names.includes(name));
    if (!names.includes(CONFIG) || weights === undefined) {
      const others = names.filter((name) => /\.(bin|h5|msgpack|safetensors|onnx|gguf)$/.test(name));
      const found = [names.includes(CONFIG) ? CONFIG : "", ...others].filter((name) => name !== "");
      const hint =
        weights === undefined && others.length > 0
          ? " (only safetensors are read: save the model anew with a current Transformers, or name a revision " +
            "that has them, such as refs/pr/1)"
          : "";
      const came = found.join(", ") || "neither";
      throw new AthanorError(
        "ERR_HUB",
        `the repository must hold ${CONFIG} and ${SINGLE} or ${INDEX}, got ${came}${hint}`,
      );
    }
    return [CONFIG, weights, ...OPTIONAL.filter((name) => names.includes(name))];
  },
  async more(folder) {
    const text = await readFile(join(folder, INDEX), "utf8").catch(() => "{}");
    try {
      const { weight_map: shards } = JSON.parse(text);
      return [...new Set(Object.values(shards ?? {}).map(String))];
    } catch {
      return []; // Reading the checkpoint says what is wrong with it.
    }
  },
};
