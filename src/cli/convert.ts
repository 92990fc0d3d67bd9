// `athanor convert FOLDER OUT`: a model's weights as safetensors.
import type { Command } from "commander";
import { convertCheckpoint } from "../models/convert.js";

interface ConvertValues {
  overwrite?: boolean;
  json?: boolean;
}

/** Adds `convert`. */
export function addConvertCommand(program: Command): void {
  program
    .command("convert")
    .description("rewrite a model's weights (pytorch_model.bin, shards) as one model.safetensors")
    .argument("<folder>", "the model")
    .argument("<out>", "the folder to write; configs and vocabularies are copied into it")
    .option("--overwrite", "replace a model.safetensors that is there")
    .option("--json", "what was done as one line of JSON")
    .addHelpText("after", "\nExample:\n  athanor convert ./opus-mt-en-de ./opus-mt-en-de-safetensors")
    .action(runConvert);
}

async function runConvert(folder: string, out: string, { overwrite, json }: ConvertValues): Promise<void> {
  const result = await convertCheckpoint(folder, out, { overwrite });
  if (json) {
    console.log(JSON.stringify(result));
    return;
  }
  const { file, tensors, shared, copied } = result;
  console.log(`${file}: ${tensors} tensors`);
  for (const [name, owner] of Object.entries(shared)) console.log(`left out ${name}: the same as ${owner}`);
  if (copied.length > 0) console.log(`copied ${copied.join(", ")}`);
}
