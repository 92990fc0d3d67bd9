// `athanor convert`: a PyTorch file becomes safetensors.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { readSafetensors } from "../../src/models/safetensors.js";
import { inFolder } from "../data/temporary.js";
import { athanor } from "./command.js";

const tied = fileURLToPath(new URL("../../../tests/fixtures/torch/tied/", import.meta.url));

test("writes the weights once and says what it left out", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "out");
    const first = await athanor(["convert", tied, out]);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout).toContain("left out lm_head.weight: the same as transformer.wte.weight");
    expect(first.stdout).toContain("copied config.json");
    const written = await readSafetensors(join(out, "model.safetensors"));
    expect(written.get("transformer.wte.weight")!.shape).toEqual([30, 8]);
    expect(await readFile(join(out, "config.json"))).toEqual(await readFile(join(tied, "config.json")));

    const again = await athanor(["convert", tied, out]);
    expect(again).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ERR_CHECKPOINT: .* must have no/),
    });
    const replaced = await athanor(["convert", tied, out, "--overwrite", "--json"]);
    expect(JSON.parse(replaced.stdout)).toMatchObject({ tensors: written.size });
    const missing = await athanor(["convert", join(folder, "none"), out]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("no such folder") });
  });
});
