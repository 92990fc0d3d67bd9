// The examples of docs/extending.md in their short form: each runs to its end and says what it found.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "@jest/globals";
import { repositoryFile } from "../tasks/language-support.js";

test.each([
  ["custom-head", [/BertForAttentionPooling, loss \d\.\d{3}/, /\w+ \(0\.\d\d\)/]],
  [
    "lora",
    [/\d+ of \d+ parameters are trained/, /saved \d+ KiB/, /(accuracy [01]\.\d{3}) beside[\s\S]*\1 merged/],
  ],
  [
    "adapters",
    [/8 tensors of width 1/, /(accuracy [01]\.\d{3})\n[\s\S]*\1 with the adapters from their file/],
  ],
  ["layerwise-decay", [/tokens\/s: falling rates/, /tokens\/s: frozen layers and falling rates/]],
  ["bert-decoder", [/perplexity \d+\.\d/, /the film was \w+/]],
  ["prune-heads", [/with all heads/, /without head 1 of layer 1/, /without \{"[01]":\[[01]\]\}, trained on/]],
])("%s", async (name, lines) => {
  const file = repositoryFile(`dist/examples/${name}.js`);
  const { stdout } = await promisify(execFile)(process.execPath, [file, "--quick"]);
  for (const line of lines) expect(stdout).toMatch(line);
});
