// The examples of the language tasks in their short form: each runs to its end and says what it found.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { repositoryFile } from "../tasks/language-support.js";

test.each([
  [
    "question-answering",
    [/24 questions to train on/, /exact \d+\.\d\d, f1 \d+\.\d\d/, /characters \d+ to \d+/],
  ],
  [
    "masked-language-modeling",
    [/perplexity \d+\.\d, accuracy 0\.\d+/, /0\.\d+ {2}the film was released in the/],
  ],
  ["pre-training", [/mlmLoss \d+\.\d+, perplexity/, /nspAccuracy [01]\.\d+/, /follows: 0\.\d+; the mask: /]],
])("%s", async (name, lines) => {
  const file = repositoryFile(`dist/examples/${name}.js`);
  const { stdout } = await promisify(execFile)(process.execPath, [file, "--quick"]);
  for (const line of lines) expect(stdout).toMatch(line);
});
