// `athanor train|evaluate|predict translation` with languages, on a small random mBART-50.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { AutoModelForSeq2SeqLM } from "../../src/models/index.js";
import { AutoTokenizer } from "../../src/tokenizers/index.js";
import { inFolder } from "../data/temporary.js";
import { wordTokenizer } from "../tasks/language-support.js";
import { loadFamily } from "../tokenizers/sentencepiece-folder.js";
import { athanor } from "./command.js";

const config = {
  ...{ model_type: "mbart", d_model: 16, max_position_embeddings: 32, decoder_start_token_id: 2 },
  ...{ encoder_layers: 1, decoder_layers: 1, encoder_attention_heads: 2, decoder_attention_heads: 2 },
  ...{ encoder_ffn_dim: 16, decoder_ffn_dim: 16, pad_token_id: 1, bos_token_id: 0, eos_token_id: 2 },
};

test("languages are options of the commands, and kept with the model", async () => {
  await inFolder(async (folder) => {
    const [start, trained, rows] = ["start", "trained", "rows.csv"].map((name) => join(folder, name));
    const tokenizer = await loadFamily("mbart50");
    const model = await AutoModelForSeq2SeqLM.fromConfig({ ...config, vocab_size: tokenizer.vocabSize });
    await model.savePretrained(start);
    model.dispose();
    await tokenizer.save(start);
    await writeFile(rows, "source,target\nthe world,a world\nhello,the hello\n");
    const untold = await athanor(["predict", "translation", "--model", start, rows]);
    expect(untold).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("tgtLang must be one of ar_AR,"),
    });
    const train = ["train", "translation", "--model", start, "--train", rows, "--output", trained];
    const wrong = await athanor([...train, "--tgt-lang", "ro"]);
    expect(wrong.code).not.toBe(0);
    expect(wrong.stderr).toContain("tgtLang must be one of ar_AR, cs_CZ");
    expect(wrong.stderr).toContain('got "ro"');
    const languages = ["--src-lang", "de_DE", "--tgt-lang", "ro_RO"];
    const done = await athanor([...train, ...languages, "--max-steps", "1", "--threads", "1"]);
    expect(done).toMatchObject({ code: 0 });
    const saved = JSON.parse(await readFile(join(trained, "task.json"), "utf8"));
    expect(saved.options).toMatchObject({ srcLang: "de_DE", tgtLang: "ro_RO" });
    const kept = (await AutoTokenizer.fromPretrained(trained)).languages;
    expect([kept?.srcLang, kept?.tgtLang]).toEqual(["de_DE", "ro_RO"]);
    const evaluated = await athanor(["evaluate", "translation", "--model", trained, rows, "--json"]);
    expect(JSON.parse(evaluated.stdout)).toMatchObject({ rows: 2, bleu: expect.any(Number) });
    const other = ["--tgt-lang", "fr_XX", "--max-new-tokens", "3"];
    const predicted = await athanor(["predict", "translation", "--model", trained, rows, ...other]);
    expect(predicted).toMatchObject({ code: 0 });
    expect(predicted.stdout.trim().split("\n")).toHaveLength(2);
    await wordTokenizer(["the", "world"]).save(start);
    const without = await athanor(["predict", "translation", "--model", start, rows, ...other]);
    const says = 'translation: tgtLang must be left out: the tokenizer has no languages, got "fr_XX"';
    expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining(says) });
  });
}, 60_000);
