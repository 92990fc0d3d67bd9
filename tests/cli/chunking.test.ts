// Chunking by the code of token classification: phrases of CoNLL-2000's form are learnt, scored, and found in plain text.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { readConll } from "../../src/data/index.js";
import { inFolder } from "../data/temporary.js";
import { athanor } from "./command.js";

const root = new URL("../../../tests/fixtures/tasks/", import.meta.url);
const [train, held] = ["train", "test"].map((part) => fileURLToPath(new URL(`chunks.${part}.conll`, root)));
const TASK = "token-classification";
const TAGS = ["--tags-column", "chunk_tags"];

/** The words of both files, as a vocabulary. */
async function writeVocabulary(file: string): Promise<void> {
  const rows = await readConll<{ tokens: string[] }>(train);
  const words = new Set(rows.flatMap(({ tokens }) => tokens));
  await writeFile(file, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...words].join("\n"));
}

test("noun, verb and prepositional phrases", async () => {
  await inFolder(async (folder) => {
    await writeVocabulary(join(folder, "vocab.txt"));
    const sizes = ["--layers", "2", "--hidden", "32", "--heads", "2", "--positions", "32", "--threads", "1"];
    const model = ["--tokenizer", join(folder, "vocab.txt"), ...sizes, "--dropout", "0"];
    const training = ["--epochs", "20", "--learning-rate", "5e-3", "--batch-size", "8"];
    const files = ["--train", train, "--eval", held, "--output", join(folder, "m")];
    const trained = await athanor(["train", TASK, ...files, ...TAGS, ...model, ...training, "--json"]);
    expect(trained).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("24 rows to train on, 6 to eval"),
    });
    const { metrics, best } = JSON.parse(trained.stdout);
    expect(best.metric).toBe("f1");
    // Sentences that it has not seen, of words that it has.
    expect(metrics.f1).toBeGreaterThan(0.9);
    expect(metrics).toMatchObject({
      NP_support: 16,
      VP_support: 6,
      PP_support: 5,
      accuracy: expect.any(Number),
    });

    // The column goes with the model.
    const text = "the old baker will mend two nets behind our mill .";
    const asked = await athanor(["predict", TASK, "--model", join(folder, "m"), "--format", "text"], {
      stdin: text,
    });
    expect(asked.code).toBe(0);
    const { entities } = JSON.parse(asked.stdout);
    const shown = entities.map(({ label, start, end }: { label: string; start: number; end: number }) => [
      ...[label, text.slice(start, end)],
    ]);
    expect(shown).toEqual([
      ["NP", "the old baker"],
      ["VP", "will mend"],
      ["NP", "two nets"],
      ["PP", "behind"],
      ["NP", "our mill"],
    ]);
  });
}, 60_000);

test("without --tags-column it says which columns there are", async () => {
  await inFolder(async (folder) => {
    await writeVocabulary(join(folder, "vocab.txt"));
    const files = ["--train", train, "--output", join(folder, "m"), "--tokenizer", join(folder, "vocab.txt")];
    const outcome = await athanor(["train", TASK, ...files]);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain('token-classification needs the column "tags"');
    expect(outcome.stderr).toContain('got "tokens", "pos_tags", "chunk_tags"; --tags-column names another');
  });
});

test("the fixture is IOB2: an entity begins with B", async () => {
  for (const file of [train, held]) {
    const tags = (await readFile(file, "utf8")).split("\n").map((line) => line.split(" ").at(-1)!);
    tags.forEach((tag, i) => {
      if (tag.startsWith("I-")) expect(tags[i - 1].slice(2)).toBe(tag.slice(2));
    });
  }
});
