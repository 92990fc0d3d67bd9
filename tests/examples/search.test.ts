// The examples of search and diagnostics in their short form.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { repositoryFile } from "../tasks/language-support.js";

test.each([
  [
    "hyper-parameter-search",
    [
      /^trial 3 is over$/m,
      /^trial +state +value +learningRate/m,
      /^trained again: accuracy [01]\.\d{4}, as in/m,
    ],
  ],
  [
    "training-diagnostics",
    [
      /learning rates of adamw: steepest fall at \d/,
      /fresh weights: (slope|plateau) \(/,
      /gradient descent: step too large \(/,
      / encoder\.layer\.0 \d/,
      /after training: \w/,
    ],
  ],
])(
  "%s",
  async (name, lines) => {
    const file = repositoryFile(`dist/examples/${name}.js`);
    const { stdout } = await promisify(execFile)(process.execPath, [file, "--quick"]);
    for (const line of lines) expect(stdout).toMatch(line);
  },
  180_000,
);
