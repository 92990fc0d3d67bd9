// pytorch_model.bin: both formats of torch.save (torch 2.13.0, fixtures/make/make_torch_files.py) without executing
// anything, whatever was done to the files.
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import { AthanorError } from "../../src/errors.js";
import { AutoModelForCausalLM, convertCheckpoint } from "../../src/index.js";
import { checkpointBytes } from "../../src/models/checkpoint-bytes.js";
import { resolveCheckpoint } from "../../src/models/checkpoint-files.js";
import { readSafetensors } from "../../src/models/safetensors.js";
import { elementsOf } from "../../src/models/safetensors-values.js";
import { readTorchFile } from "../../src/models/torch-file.js";
import { errorOf, inFolder } from "../data/temporary.js";
import { uniform } from "../support/random.js";

const fixtures = fileURLToPath(new URL("../../../tests/fixtures/torch/", import.meta.url));
const formats = ["archive.bin", "sequence.bin"];

/** The elements of all tensors of a file. */
async function valuesOf(file: string): Promise<Map<string, unknown>> {
  const values = new Map<string, unknown>();
  for (const [name, tensor] of await readTorchFile(file)) {
    const bytes = await checkpointBytes(tensor);
    values.set(name, [tensor.dtype, tensor.shape, elementsOf(tensor.dtype, bytes.buffer as ArrayBuffer)]);
  }
  return values;
}

test.each(formats)("%s: every tensor as PyTorch has it", async (format) => {
  const expected = await readSafetensors(join(fixtures, "expected.safetensors"));
  const values = await valuesOf(join(fixtures, format));
  expect([...values.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { dtype, shape, data }] of expected)
    expect(values.get(name)).toEqual([dtype, shape, data]);
});

test("only what does not lie in order has strides", async () => {
  const tensors = await readTorchFile(join(fixtures, "archive.bin"));
  const strided = [...tensors].filter(([, { strides }]) => strides).map(([name]) => name);
  expect(strided.sort()).toEqual(["column", "half_transposed", "transposed"]);
  const [rows, f32] = [tensors.get("rows")!, tensors.get("f32")!];
  expect(rows.begin - f32.begin).toBe(2 * 4 * 4);
});

describe("models", () => {
  test.each(["tied", "sharded"])("%s: loads as what Transformers saved today", async (folder) => {
    const reports: unknown[] = [];
    const onReport = (report: unknown) => reports.push(report);
    const model = await AutoModelForCausalLM.fromPretrained(join(fixtures, folder), { onReport });
    const saved = await readSafetensors(join(fixtures, "saved", "model.safetensors"));
    expect(reports).toEqual([]);
    expect([...model.parameters().keys()].sort()).toEqual([...saved.keys()].sort());
    for (const [name, t] of model.parameters()) {
      expect(Array.from(await t.data())).toEqual(Array.from(saved.get(name)!.data as Float32Array));
    }
    model.dispose();
  });

  test("tied: one of its weights lies column by column", async () => {
    const tensors = await resolveCheckpoint(join(fixtures, "tied"));
    expect(tensors.get("transformer.h.0.mlp.c_fc.weight")!.strides).toEqual([1, 8]);
  });
});

describe("convert", () => {
  test("keeps names, numbers and types; tied tensors once", async () => {
    await inFolder(async (folder) => {
      const result = await convertCheckpoint(join(fixtures, "tied"), folder);
      expect(result.shared).toEqual({ "lm_head.weight": "transformer.wte.weight" });
      expect(result.copied).toEqual(["config.json"]);
      const saved = await readSafetensors(join(fixtures, "saved", "model.safetensors"));
      const written = await readSafetensors(join(folder, "model.safetensors"));
      for (const [name, tensor] of saved) expect(written.get(name)).toEqual(tensor);
      expect([...written.keys()].filter((name) => !saved.has(name))).toEqual(["transformer.h.0.attn.bias"]);
      const model = await AutoModelForCausalLM.fromPretrained(folder);
      expect(model.loadReport).toEqual({ missing: [], unexpected: [], mismatched: [] });
      model.dispose();
      const again = await errorOf(() => convertCheckpoint(join(fixtures, "tied"), folder));
      expect(again).toMatchObject({ code: "ERR_CHECKPOINT", message: expect.stringContaining("got one") });
      await convertCheckpoint(join(fixtures, "tied"), folder, { overwrite: true });
    });
  });

  test("all kinds of numbers and strides", async () => {
    await inFolder(async (folder) => {
      await mkdir(join(folder, "from"));
      await copyFile(join(fixtures, "archive.bin"), join(folder, "from", "pytorch_model.bin"));
      await convertCheckpoint(join(folder, "from"), join(folder, "to"));
      const expected = await readSafetensors(join(fixtures, "expected.safetensors"));
      const written = await readSafetensors(join(folder, "to", "model.safetensors"));
      expect(written).toEqual(expected);
    });
  });
});

describe("refused", () => {
  test.each([
    ["object.bin", /__main__|Other/],
    ["number.bin", /dictionary of tensors by name/],
    ["expanded.bin", /must lie in its storage of 1 elements/],
  ])("%s", async (file, message) => {
    const error = await errorOf(() => readTorchFile(join(fixtures, "refused", file)));
    expect(error.code).toBe("ERR_CHECKPOINT");
    expect(error.message).toMatch(message);
  });

  test("a pickle that would call something", async () => {
    await inFolder(async (folder) => {
      const file = join(folder, "pytorch_model.bin");
      const exploit = Buffer.from("\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.", "latin1");
      await writeFile(file, exploit);
      const error = await errorOf(() => readTorchFile(file));
      expect(error.code).toBe("ERR_CHECKPOINT");
      expect(error.message).toContain('"posix.system"');
    });
  });

  test("an index that names other files", async () => {
    await inFolder(async (folder) => {
      const index = { weight_map: { a: "../secret.bin" } };
      await writeFile(join(folder, "pytorch_model.bin.index.json"), JSON.stringify(index));
      const error = await errorOf(() => resolveCheckpoint(folder));
      expect(error.message).toContain("needs a plain file name ending in .bin");
    });
  });
});

describe("cut and altered files are read or refused, never worse", () => {
  /** Reads all of a file whose bytes were changed: either works, or says ERR_CHECKPOINT. */
  async function tried(folder: string, bytes: Buffer): Promise<"read" | "refused"> {
    const file = join(folder, "pytorch_model.bin");
    await writeFile(file, bytes);
    try {
      await valuesOf(file);
      return "read";
    } catch (error) {
      if (!(error instanceof AthanorError) || error.code !== "ERR_CHECKPOINT") throw error;
      return "refused";
    }
  }

  test.each(formats)("%s", async (format) => {
    const bytes = await readFile(join(fixtures, format));
    const next = uniform(17);
    const outcomes = { read: 0, refused: 0 };
    await inFolder(async (folder) => {
      for (let i = 0; i < 60; i++) {
        const length = Math.floor(next() * bytes.length);
        expect(await tried(folder, bytes.subarray(0, length))).toBe("refused");
      }
      for (let i = 0; i < 200; i++) {
        const altered = Buffer.from(bytes);
        const changes = 1 + Math.floor(next() * 4);
        for (let j = 0; j < changes; j++) {
          altered[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
        }
        outcomes[await tried(folder, altered)]++;
      }
      expect(await readdir(folder)).toEqual(["pytorch_model.bin"]);
    });
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
  });
});
