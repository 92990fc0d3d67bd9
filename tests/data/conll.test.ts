// readConll and readConllu: columns, marks, places of errors, borders between pieces, real corpora.
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ConllParser } from "../../src/data/conll.js";
import { ConlluParser } from "../../src/data/conllu.js";
import {
  type ConllOptions,
  type ConlluRow,
  readConll,
  readConllu,
  readTable,
  type SkipReport,
} from "../../src/data/index.js";
import { fixture, inPieces } from "./fixture.js";
import { errorOf, withFile } from "./temporary.js";

const conll = (text: string, options?: ConllOptions) =>
  withFile("a.conll", text, (file) => readConll(file, options));
const conllu = (text: string) => withFile("a.conllu", text, (file) => readConllu(file));
const word = (id: number | string, form: string, head: number | string = 0) =>
  `${id}\t${form}\t_\tNOUN\t_\t_\t${head}\troot\t_\t_`;

describe("readConll", () => {
  test("columns are named by their number, as in CoNLL-2000 and CoNLL-2003", async () => {
    expect(await conll("a B-X\nb O\n\n\nc O")).toEqual([
      { tokens: ["a", "b"], tags: ["B-X", "O"] },
      { tokens: ["c"], tags: ["O"] },
    ]);
    expect(await conll("He PRP B-NP\n")).toEqual([
      { tokens: ["He"], pos_tags: ["PRP"], chunk_tags: ["B-NP"] },
    ]);
    expect(await conll("-DOCSTART- -X- -X- O\n\nEU NNP B-NP B-ORG\n")).toEqual([
      { tokens: ["EU"], pos_tags: ["NNP"], chunk_tags: ["B-NP"], ner_tags: ["B-ORG"] },
    ]);
  });

  test("the mark of a document does not take a sentence along", async () => {
    expect(await conll("-DOCSTART- O\na B\n")).toEqual([{ tokens: ["a"], tags: ["B"] }]);
  });

  test("tabs where there are tabs, so that a token may hold blanks; hashes are tokens unless told", async () => {
    expect(await conll("1 000\tB\n# \tO\n")).toEqual([{ tokens: ["1 000", "# "], tags: ["B", "O"] }]);
    expect(await conll("# note\na O\n", { comment: "#" })).toEqual([{ tokens: ["a"], tags: ["O"] }]);
    expect(await conll("a|O\n", { separator: "|" })).toEqual([{ tokens: ["a"], tags: ["O"] }]);
    expect(await conll("\u3000\tO\n")).toEqual([{ tokens: ["\u3000"], tags: ["O"] }]);
  });

  test("own names, columns left out, tags as numbers", async () => {
    const options = { columns: ["words", null, "ner"], types: { ner: ["O", "B-X"] } };
    expect(await conll("a x B-X\nb y O\n", options)).toEqual([{ words: ["a", "b"], ner: [1, 0] }]);
  });

  const faults: [string, string, ConllOptions, string][] = [
    ["a field too few", "a O\n\nb O\nc\n", {}, 'line 4: needs 2 fields (tokens, tags), got 1: "c"'],
    ["an empty field", "a\t\n", {}, 'line 1, column "tags": needs a token or label, got an empty field'],
    ["a first line with one field", "\na\n", {}, "line 2: needs 2, 3 or 4 fields, or the option columns"],
    [
      "an unknown tag",
      "a O\n\nb B\n",
      { types: { tags: ["O"] } },
      'line 3, column "tags": needs one of 1 class names (O) or its number, got ["B"]',
    ],
  ];
  test.each(faults)("%s", async (_name, text, options, message) => {
    const error = await errorOf(() => conll(text, options));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toContain(`a.conll ${message}`);
  });

  test("a bad sentence is skipped whole, and reported", async () => {
    let report: SkipReport | undefined;
    const onSkip = (made: SkipReport) => {
      report = made;
    };
    expect(await conll("a O\nb\nc O\n\nd O\n", { onBadRow: "skip", onSkip })).toEqual([
      { tokens: ["d"], tags: ["O"] },
    ]);
    expect(report).toMatchObject({ count: 1, reasons: [{ line: 2 }] });
  });

  test.each<[string, ConllOptions]>([
    ["separator", { separator: "" }],
    ["columns", { columns: [null] }],
    ["columns", { columns: ["a", "a"] }],
    ["comment", { comment: "" }],
    ["types.tags", { types: { tags: ["a", "a"] } }],
    ["types.tags", { types: { tags: [] } }],
  ])("misuse of %s", async (name, options) => {
    const error = await errorOf(() => conll("a O\n", options));
    expect(error.code).toBe("ERR_ARGUMENT");
    expect(error.message).toContain(`data: ${name} must`);
  });

  test("WNUT-17, Weibo, GermEval", async () => {
    const wnut = await readTable<{ tokens: string[]; tags: string[] }>(fixture("wnut17.conll.gz"));
    expect(wnut).toHaveLength(60);
    expect(wnut[0].tokens.slice(0, 5)).toEqual(["Stabilized", "approach", "or", "not", "?"]);
    expect(wnut.every(({ tokens, tags }) => tokens.length === tags.length)).toBe(true);
    const weibo = await readTable<{ tokens: string[]; tags: string[] }>(fixture("weibo.conll.gz"));
    expect([weibo.length, weibo[0].tokens[0]]).toEqual([20, "口0"]);
    const germeval = await readConll<{ tokens: string[]; tags: string[] }>(fixture("germeval.txt"));
    expect(germeval[0].tokens.slice(0, 3)).toEqual(["Gleich", "darauf", "entwirft"]);
  });

  test("whatever is written is read, wherever pieces end", async () => {
    const token = fc.string({ unit: fc.constantFrom("a", "#", "-", "文", "😀", "\u00a0"), minLength: 1 });
    const sentence = fc.array(fc.tuple(token, token), { minLength: 1, maxLength: 5 });
    const file = fc.tuple(fc.array(sentence, { maxLength: 5 }), fc.constantFrom("\n", "\r\n"));
    const property = fc.asyncProperty(
      file,
      fc.integer({ min: 1, max: 9 }),
      async ([sentences, end], size) => {
        const text = sentences.map((lines) => lines.map(([a, b]) => `${a}\t${b}${end}`).join("")).join(end);
        const rows = await inPieces(new ConllParser("a.conll", {}), text, size);
        const expected = sentences.map((lines) => ({
          tokens: lines.map(([a]) => a),
          tags: lines.map(([, b]) => b),
        }));
        expect(rows).toEqual(expected);
      },
    );
    await fc.assert(property, { seed: 7, numRuns: 200 });
  });
});

describe("readConllu", () => {
  test("words, comments, tokens of several words, empty nodes", async () => {
    const lines = ["# sent_id = s-1", "# text = zum Haus", "# newdoc", `1-2\tzum${"\t_".repeat(8)}`];
    lines.push(word(1, "zu", 3), word(2, "dem", 3), word("2.1", "nix"), word(3, "Haus"), "");
    const [row] = await conllu(lines.join("\n"));
    expect(row).toMatchObject({
      sent_id: "s-1",
      text: "zum Haus",
      tokens: ["zu", "dem", "Haus"],
      lemmas: [null, null, null],
      upos: ["NOUN", "NOUN", "NOUN"],
      head: [3, 3, 0],
      multiword: [{ form: "zum", start: 0, end: 2 }],
    });
  });

  test("a word that is an underscore keeps its lemma", async () => {
    const [row] = await conllu("1\t_\t_\tPUNCT\t_\t_\t_\t_\t_\t_\n");
    expect(row).toMatchObject({ tokens: ["_"], lemmas: ["_"], xpos: [null], head: [null] });
  });

  const faults: [string, string, string][] = [
    ["nine fields", "1\ta\t_\t_\t_\t_\t0\t_\t_", "line 1: needs 10 fields separated by tabs, got 9"],
    ["a gap", `${word(1, "a")}\n${word(3, "b")}`, 'line 2, column "ID": needs word 2 here, got "3"'],
    ["no form", word(1, ""), 'line 1, column "FORM": needs a value or _, got nothing'],
    ["a head that is none", word(1, "a", "x"), 'line 1, column "HEAD": needs the number of a word, got "x"'],
    ["a head outside", `# text = a\n${word(1, "a", 4)}`, 'line 1, column "HEAD": needs words up to 1'],
    ["a range backwards", word("1-0", "a"), 'line 1, column "ID": needs a range from 1, got 1-0'],
    ["a range that goes on", `${word("1-2", "a")}\n${word(1, "b")}`, 'column "ID": needs words up to 1'],
  ];
  test.each(faults)("%s", async (_name, text, message) => {
    const error = await errorOf(() => conllu(text));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toContain(message);
  });

  test("UD English EWT and Chinese GSDSimp", async () => {
    const english = await readTable<ConlluRow>(fixture("en_ewt.conllu.gz"));
    expect(english).toHaveLength(20);
    expect(english[0].text).toBe("From the AP comes this story :");
    expect(english[0].tokens.join(" ")).toBe(english[0].text);
    expect(english.some(({ multiword }) => multiword.length > 0)).toBe(true);
    const chinese = await readTable<ConlluRow>(fixture("zh_gsdsimp.conllu.gz"));
    expect(chinese).toHaveLength(20);
    for (const { tokens, text } of chinese) expect(tokens.join("")).toBe(text?.replaceAll(" ", ""));
  });

  test("sentences come whole, wherever pieces end", async () => {
    const form = fc.string({ unit: fc.constantFrom("a", " ", "文", "😀", "_", "#"), minLength: 1 });
    const file = fc.array(fc.array(form, { minLength: 1, maxLength: 4 }), { maxLength: 4 });
    const property = fc.asyncProperty(file, fc.integer({ min: 1, max: 30 }), async (sentences, size) => {
      const text = sentences.map((forms) => forms.map((w, i) => `${word(i + 1, w)}\n`).join("")).join("\n");
      const rows = (await inPieces(new ConlluParser("a.conllu", {}), text, size)) as ConlluRow[];
      expect(rows.map(({ tokens }) => tokens)).toEqual(sentences);
    });
    await fc.assert(property, { seed: 7, numRuns: 200 });
  });
});
