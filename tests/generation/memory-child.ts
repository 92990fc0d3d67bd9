// Run by memory.test.ts, as live bytes are those of the process: every case of a fixture cached and not, an abort in
// mid-beam, a stream that is left, or what works without a model. Prints the bytes before, and after each part.
//   node memory-child.js gpt2|t5|bart|marian|parts
import { generate } from "../../src/generation/generate.js";
import { AutoModelForCausalLM, AutoModelForSeq2SeqLM } from "../../src/models/auto.js";
import { KeyValueCache } from "../../src/nn/key-value-cache.js";
import { memory, synchronize } from "../../src/tensor/device.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { generationFixture, optionsOf } from "./cases.js";
import { TableModel } from "./table-model.js";

const after: [part: string, bytes: number][] = [];

async function measured(part: string, work: () => unknown): Promise<void> {
  await work();
  await synchronize();
  after.push([part, memory().live]);
}

/** Options that end a call by its signal as soon as a sequence has `length` tokens, and what it rejects with. */
function abortedAt(length: number) {
  const controller = new AbortController();
  const process = (_: Float32Array, tokens: Int32Array) => {
    if (tokens.length === length) controller.abort();
  };
  const expected = (error: { code?: string }) => {
    if (error.code !== "ERR_ABORTED") throw error;
  };
  const nothing = () => {
    throw new Error("needed ERR_ABORTED, got a result");
  };
  return { options: { signal: controller.signal, processors: [{ process }] }, expected, nothing };
}

async function fixtureParts(name: string): Promise<number> {
  const { isEncoderDecoder, examples, together, alone, folder, end } = generationFixture(name);
  const auto = isEncoderDecoder ? AutoModelForSeq2SeqLM : AutoModelForCausalLM;
  const model = await auto.fromPretrained(folder);
  // The first use makes packed copies of the weights, which stay with the model.
  await model.generate(examples, { maxNewTokens: 3, numBeams: 4 });
  await synchronize();
  const { live } = memory();
  for (const more of [{ batchRows: 8 }, { useCache: false, useNativeScores: false }]) {
    for (const c of [...together, ...alone]) {
      const rows = c.rows.map((row) => examples[row]);
      const part = `${c.name}, rows ${c.rows}, ${Object.keys(more)}`;
      await measured(part, () => model.generate(rows, { ...optionsOf(c, end), ...more }));
    }
  }
  const { options, expected, nothing } = abortedAt(10);
  await measured("an abort in mid-beam", () =>
    model.generate(examples, { ...options, numBeams: 4, maxNewTokens: 18 }).then(nothing, expected),
  );
  await measured("a stream that is left", async () => {
    for await (const _ of model.stream(examples[0], { maxNewTokens: 18 })) break;
  });
  await measured("a stream that is aborted while the next step runs", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const left = async () => {
      for await (const _ of model.stream(examples[0], { maxNewTokens: 18, minNewTokens: 9, signal }))
        controller.abort();
    };
    await left().then(nothing, expected);
  });
  return live;
}

async function otherParts(): Promise<number> {
  const { live } = memory();
  const { options, expected, nothing } = abortedAt(4);
  await measured("an abort in mid-beam of a table", () => {
    const examples = [{ inputIds: [3, 1, 2] }, { inputIds: [1, 3] }];
    const beams = { ...options, numBeams: 4, maxNewTokens: 9 };
    return generate(new TableModel(10), examples, beams).then(nothing, expected);
  });
  await measured("a cache that grows", () => {
    const cache = new KeyValueCache({ layers: 2, width: 8, rows: 1 });
    const sequence = cache.start(cache.admit([3])[0]);
    for (let i = 0; i < 5; i++) {
      noGrad(() =>
        scope(() => {
          cache.begin([sequence], [1]);
          const x = tensor(new Float32Array(8).fill(i), [1, 8], { device: "cpu" });
          for (const layer of [0, 1]) cache.selfAttention(layer, x, x, x, { heads: 2 });
          cache.end();
        }),
      );
    }
    cache.dispose();
  });
  return live;
}

const [name] = process.argv.slice(2);
const before = await (name === "parts" ? otherParts() : fixtureParts(name));
console.log(JSON.stringify({ before, after }));
