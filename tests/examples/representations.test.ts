// The examples of representations in their short form: each runs to its end and says what it found.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { repositoryFile } from "../tasks/language-support.js";

test.each<[string, string[], RegExp[]]>([
  [
    "feature-extraction",
    [],
    [/\d+ steps in .*: accuracy [01]\.\d{3}/, /layers count 0\.\d{3}, 0\.\d{3}, 0\.\d{3}/, /has 32 features/],
  ],
  [
    "sentence-embeddings",
    [],
    [
      /before: loss \d\.\d{3}, accuracyAt1/,
      /after: .* mrrAt10 0\.\d{3}/,
      /stolen my card\n {2}[01]\.\d\d {2}\S+/,
    ],
  ],
  [
    "sentence-embeddings",
    ["--loss", "cosineSimilarity"],
    [/before: loss .* spearman/, /after: .* spearman -?0\.\d/],
  ],
  [
    "re-ranking",
    [],
    [/MRR over 10 intents before: 0\.\d{3}/, /MRR after \(loss \d\.\d{3}\): 0\.\d{3}/, /corpusId: \d+/],
  ],
  [
    "zero-shot",
    [],
    [/10 seen labels: accuracy [01]\.\d{3}, by chance 0\.100/, /10 new labels/, /labels: \[/],
  ],
])("%s %j", async (name, options, lines) => {
  const file = repositoryFile(`dist/examples/${name}.js`);
  const { stdout } = await promisify(execFile)(process.execPath, [file, "--quick", ...options]);
  for (const line of lines) expect(stdout).toMatch(line);
});
