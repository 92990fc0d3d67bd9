// What the engines read: model folders with seeded random weights in the published layout, ONNX exports of them, and
// batches of token ids. Made once and kept in the cache folder.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForQuestionAnswering,
  AutoModelForSequenceClassification,
} from "../../src/models/auto.js";
import { asRows, type TokenRow } from "./rows.js";

export type FolderName = "gpt2" | "bert-base" | "bert-base-2" | "bert-base-77" | "bert-base-qa";

const labels = (count: number) => Array.from({ length: count }, (_, i) => `class ${i}`);

async function freshModel(name: FolderName) {
  const config = { model_type: "bert" }; // the defaults are BERT-base's sizes
  switch (name) {
    case "gpt2":
      return AutoModelForCausalLM.fromConfig({ model_type: "gpt2" }, { seed: 1 });
    case "bert-base":
      return AutoModel.fromConfig(config, { seed: 1 });
    case "bert-base-2":
      return AutoModelForSequenceClassification.fromConfig(config, { seed: 1, labels: labels(2) });
    case "bert-base-77":
      return AutoModelForSequenceClassification.fromConfig(config, { seed: 1, labels: labels(77) });
    case "bert-base-qa":
      return AutoModelForQuestionAnswering.fromConfig(config, { seed: 1 });
  }
}

export class Cache {
  constructor(
    readonly folder: string,
    private readonly python: string | undefined,
  ) {}

  async model(name: FolderName): Promise<string> {
    const folder = join(this.folder, name);
    if (existsSync(folder)) return folder;
    const unfinished = `${folder}.unfinished`;
    await rm(unfinished, { recursive: true, force: true });
    const model = await freshModel(name);
    await model.savePretrained(unfinished);
    model.dispose();
    await rename(unfinished, folder);
    return folder;
  }

  /** Adds ONNX exports to a model folder; needs Python, unless they are there. */
  async onnx(folder: string): Promise<void> {
    if (this.python === undefined || existsSync(join(folder, "onnx", "fused-int8.onnx"))) return;
    console.error("exporting to ONNX (once, about two minutes)");
    execFileSync(this.python, ["benchmarks/peers/export_onnx.py", folder], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  }

  async batches(name: string, batches: TokenRow[][]): Promise<string> {
    const file = join(this.folder, `${name}.json`);
    await mkdir(this.folder, { recursive: true });
    await writeFile(file, JSON.stringify(batches.map(asRows)));
    return file;
  }
}
