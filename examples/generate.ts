// Translates, summarises or continues texts with a model folder, or a repository of the Hugging Face Hub.
//
//   node dist/examples/generate.js --model ./opus-mt-en-de "Good morning." "Where is the station?"
//   node dist/examples/generate.js --model google-t5/t5-small --beams 4 "translate English to German: Good morning."
//   node dist/examples/generate.js --model openai-community/gpt2 --sample --seed 7 "Once upon a time"
//
// One text without beams is printed as it comes; Ctrl-C stops it.
import { parseArgs } from "node:util";
import {
  AutoModelForCausalLM,
  AutoModelForSeq2SeqLM,
  AutoTokenizer,
  type GenerateOptions,
} from "../src/index.js";

const text = { type: "string" } as const;
const { values: options, positionals: texts } = parseArgs({
  allowPositionals: true,
  options: {
    ...{ model: text, beams: { ...text, default: "1" }, tokens: { ...text, default: "60" } },
    ...{ sample: { type: "boolean", default: false }, seed: { ...text, default: "0" } },
  },
});
if (options.model === undefined || texts.length === 0) {
  console.error("usage: generate --model FOLDER [--beams N | --sample] [--tokens N] TEXT...");
  process.exit(2);
}

const tokenizer = await AutoTokenizer.fromPretrained(options.model);
const { model: folder } = options;
using model = await AutoModelForSeq2SeqLM.fromPretrained(folder).catch((error) => {
  // A family without an encoder says so.
  if (error.code !== "ERR_ARGUMENT") throw error;
  return AutoModelForCausalLM.fromPretrained(folder);
});

const abort = new AbortController();
process.once("SIGINT", () => abort.abort());
const wanted: GenerateOptions = { maxNewTokens: Number(options.tokens), signal: abort.signal };
if (options.sample) Object.assign(wanted, { doSample: true, seed: Number(options.seed) });
else wanted.numBeams = Number(options.beams);

if (texts.length === 1 && (wanted.numBeams ?? 1) === 1) {
  const decoder = tokenizer.decodeStream({ skipSpecialTokens: true });
  for await (const { token } of model.stream(tokenizer.encode(texts[0]), wanted)) {
    process.stdout.write(decoder.push(token));
  }
  console.log(decoder.end());
} else {
  const { sequences } = await model.generate(tokenizer.encodeBatch(texts), wanted);
  for (const ids of sequences) console.log(tokenizer.decode(ids, { skipSpecialTokens: true }));
}
