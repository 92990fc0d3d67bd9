// The examples of text classification and multiple choice in their short form: each runs to its end and says what it found.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { repositoryFile } from "../tasks/language-support.js";

const run = async (name: string, ...options: string[]) => {
  const file = repositoryFile(`dist/examples/${name}.js`);
  return (await promisify(execFile)(process.execPath, [file, "--quick", ...options])).stdout;
};

test("text classification", async () => {
  const output = await run("text-classification");
  expect(output).toMatch(/step \d+ of \d+: mean loss \d\.\d{3}/);
  expect(output).toMatch(/accuracy [01]\.\d{3}/);
  expect(output).toMatch(/label: '\w+'/);
});

test("multiple choice", async () => {
  const output = await run("multiple-choice");
  expect(output).toMatch(/24 rows to train on/);
  expect(output).toMatch(/accuracy [01]\.\d{3}, loss \d\.\d{3}/);
  expect(output).toMatch(/\n.+ \([01]\.\d\d\)\n/);
});
