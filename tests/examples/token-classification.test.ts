// The examples of token classification in their short form: they run to their end and say what they found.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { repositoryFile } from "../tasks/language-support.js";

const runExample = async (example: string, ...options: string[]) => {
  const file = repositoryFile(`dist/examples/${example}.js`);
  return (await promisify(execFile)(process.execPath, [file, "--quick", ...options])).stdout;
};
const run = (...options: string[]) => runExample("token-classification", ...options);

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

test.each([[[]], [["--lstm"]]])("a tagger of one's own with a CRF, options %j", async (options) => {
  const output = await runExample("crf-tagger", ...options);
  expect(output).toMatch(/^step 10 of 10: mean loss \d+\.\d{3}$/m);
  expect(output).toMatch(/^f1 [01]\.\d{3}\naccuracy [01]\.\d{3}$/m);
});
