// The example of token classification in its short form: it runs to its end and says what it found.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { repositoryFile } from "../tasks/language-support.js";

const run = async (...options: string[]) => {
  const file = repositoryFile("dist/examples/token-classification.js");
  return (await promisify(execFile)(process.execPath, [file, "--quick", ...options])).stdout;
};

test("named entities: scores of all and by type, a label for every word", async () => {
  const output = await run();
  expect(output).toMatch(/40 sentences to train on, 40 to test on, 10 labels/);
  expect(output).toMatch(/^f1 +[01]\.\d{3}$/m);
  expect(output).toMatch(/^person_support +6\.000$/m);
  expect(output).toMatch(/^@paulwalk\/\S+ It\/\S+ 's\/\S+ the\/\S+/m);
});

test("parts of speech by the same code: accuracy", async () => {
  const output = await run(
    "--train",
    repositoryFile("tests/fixtures/data/en_ewt.conllu.gz"),
    "--tags",
    "upos",
  );
  expect(output).toMatch(/^accuracy +[01]\.\d{3}$/m);
  expect(output).not.toMatch(/^f1/m);
});
