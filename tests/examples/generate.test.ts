// The example of generating, with the small GPT-2 and T5 of the fixtures and words that stand for their tokens.
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { generationFixture } from "../generation/cases.js";
import { repositoryFile } from "../tasks/language-support.js";

/** The model with a tokenizer whose token 12 is the word t12. */
function withWords(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "athanor-generate-"));
  cpSync(generationFixture(name).folder, folder, { recursive: true });
  const vocab = Object.fromEntries(Array.from({ length: 60 }, (_, id) => [`t${id}`, id]));
  vocab.unknown = 60; // a special token, which must not begin another
  const model = { type: "WordLevel", vocab, unk_token: "unknown" };
  const tokenizer = { version: "1.0", added_tokens: [], pre_tokenizer: { type: "WhitespaceSplit" }, model };
  writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(tokenizer));
  return folder;
}

async function run(name: string, ...options: string[]): Promise<string> {
  const program = repositoryFile("dist/examples/generate.js");
  const words = generationFixture(name)
    .examples[0].inputIds.map((id) => `t${id}`)
    .join(" ");
  const all = [program, "--model", withWords(name), "--tokens", "18", ...options, words];
  return (await promisify(execFile)(process.execPath, all)).stdout.trim();
}

function expected(name: string, label: string, from: number): string {
  const { together } = generationFixture(name);
  const tokens = together.find((c) => c.name === label)!.sequences[0];
  return tokens
    .slice(from)
    .map((id) => `t${id}`)
    .join(" ");
}

test("a decoder alone continues, token by token", async () => {
  const { length } = generationFixture("gpt2").examples[0].inputIds;
  expect(await run("gpt2")).toBe(expected("gpt2", "greedy", length));
});

test("an encoder-decoder answers, with beams", async () => {
  expect(await run("t5", "--beams", "4")).toBe(expected("t5", "beams-early-false-length-1", 0));
});
