// The tokenizers that encode.bench.ts compares. Each run begins with a fresh one.

import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

import { type Encoding, Tokenizer } from "../../src/tokenizers/index.js";

/** One run: how long it took, and how many tokens came out. */
export interface Run {
  seconds: number;
  tokens: number;
}

/** A tokenizer to be measured. */
export interface Engine {
  name: string;
  run(): Run | Promise<Run>;
  end?(): void;
}

/** Ours: a batch, every field read. */
export function own(json: string, lines: string[]): Engine {
  return {
    name: "athanor",
    run() {
      const tokenizer = Tokenizer.fromJson(json);
      const start = performance.now();
      let tokens = 0;
      for (const encoding of tokenizer.encodeBatch(lines)) {
        readAll(encoding);
        tokens += encoding.length;
      }
      return { seconds: (performance.now() - start) / 1e3, tokens };
    },
  };
}

// Some fields are made when they are first read.
function readAll(encoding: Encoding): number {
  let sum = 0;
  for (const array of [encoding.ids, encoding.typeIds, encoding.attentionMask, encoding.specialTokensMask]) {
    sum += array[array.length - 1];
  }
  sum += encoding.offsets[encoding.offsets.length - 1] + encoding.tokens.length + encoding.wordIds.length;
  return sum + encoding.sequenceIds.length;
}

// biome-ignore lint/suspicious/noExplicitAny: packages that are not installed here have no types
type Foreign = any;

/** The Node binding of the Rust library: a call per line. */
export function nodeBinding(peers: string, file: string, lines: string[]): Engine {
  const require = createRequire(join(resolve(peers), "package.json"));
  const binding = require("tokenizers") as Foreign;
  const fields = ["Ids", "TypeIds", "AttentionMask", "SpecialTokensMask", "Offsets", "Tokens", "WordIds"];
  return {
    name: "tokenizers (npm)",
    async run() {
      const tokenizer = binding.Tokenizer.fromFile(file);
      const start = performance.now();
      let tokens = 0;
      for (const line of lines) {
        const encoding = await tokenizer.encode(line, null);
        for (const field of fields) encoding[`get${field}`]();
        tokens += encoding.getLength();
      }
      return { seconds: (performance.now() - start) / 1e3, tokens };
    },
  };
}

/** Hugging Face's tokenizers in JavaScript: ids and tokens, without offsets. */
export function javascript(peers: string, json: string, lines: string[]): Engine {
  const require = createRequire(join(resolve(peers), "package.json"));
  const module = require("@huggingface/tokenizers") as Foreign;
  return {
    name: "@huggingface/tokenizers",
    run() {
      const tokenizer = new module.Tokenizer(JSON.parse(json), {});
      const start = performance.now();
      let tokens = 0;
      for (const line of lines) tokens += tokenizer.encode(line).ids.length;
      return { seconds: (performance.now() - start) / 1e3, tokens };
    },
  };
}

/** The Rust library from Python, in a child process that answers one JSON line per request. */
export async function python(interpreter: string, script: string, files: string[]): Promise<Engine> {
  const child = spawn(interpreter, [script, ...files], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value as string);
  const { version } = await next();
  return {
    name: `tokenizers ${version} (Python)`,
    run() {
      child.stdin.write("run\n");
      return next();
    },
    end: () => child.stdin.end(),
  };
}
