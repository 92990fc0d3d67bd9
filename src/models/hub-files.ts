// The files of a model in a repository of the Hub: its configs and its weights, as safetensors where there are some.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AthanorError } from "../errors.js";
import type { WantedFiles } from "../hub/index.js";

const INDICES = ["model.safetensors.index.json", "pytorch_model.bin.index.json"];
const WEIGHTS = ["model.safetensors", INDICES[0], "pytorch_model.bin", INDICES[1]];
const CONFIG = "config.json";
const OPTIONAL = ["generation_config.json"];

/** What `AutoModel.fromPretrained` needs. */
export const MODEL_FILES: WantedFiles = {
  what: "a model",
  choose(names) {
    const weights = WEIGHTS.find((name) => names.includes(name));
    if (!names.includes(CONFIG) || weights === undefined) {
      const others = names.filter((name) => /\.(bin|h5|msgpack|safetensors|onnx|gguf)$/.test(name));
      const found = [names.includes(CONFIG) ? CONFIG : "", ...others].filter((name) => name !== "");
      const came = found.join(", ") || "neither";
      throw new AthanorError(
        "ERR_HUB",
        `the repository must hold ${CONFIG} and ${WEIGHTS.join(" or ")}, got ${came}`,
      );
    }
    return [CONFIG, weights, ...OPTIONAL.filter((name) => names.includes(name))];
  },
  async more(folder) {
    const read = (index: string) => readFile(join(folder, index), "utf8");
    const text = await read(INDICES[0])
      .catch(() => read(INDICES[1]))
      .catch(() => "{}");
    try {
      const { weight_map: shards } = JSON.parse(text);
      return [...new Set(Object.values(shards ?? {}).map(String))];
    } catch {
      return []; // Reading the checkpoint says what is wrong with it.
    }
  },
};
