// Where rows stand, as every reader tells it.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { readRows, readTable, type TableOptions } from "../../src/data/index.js";
import { fixture } from "./fixture.js";
import { errorOf, inFolder } from "./temporary.js";

const question = (id: string) =>
  JSON.stringify({ id, question: "q", context: "c", answers: { text: [], answer_start: [] } });
const word = (id: number, form: string) => `${[id, form, ...Array(8).fill("_")].join("\t")}\n`;

test.each<[string, string, TableOptions, number[]]>([
  ["a.csv", 'text,label\n"one\ntwo",x\n\nthree,y\n', {}, [2, 5]],
  ["a.tsv", "text\tlabel\none\tx\ntwo\ty\n", {}, [2, 3]],
  ["a.jsonl", '{"a": 1}\n\n{"a": 2}\n', {}, [1, 3]],
  ["a.json", '[\n  {"a": 1},\n  {"a": 2}, {"a": 3}\n]', {}, [2, 3, 3]],
  ["a.txt", "one\n\ntwo\n", {}, [1, 2, 3]],
  ["p.txt", "one\ntwo\n\n\nthree\n", { sampleBy: "paragraph" }, [1, 5]],
  ["a.conll", "one O\ntwo O\n\n\nthree O\n", {}, [1, 5]],
  ["a.conllu", `# sent_id = 1\n${word(1, "one")}\n${word(1, "two")}`, {}, [1, 4]],
  ["q.json", `[${question("1")},\n${question("2")}]`, { format: "squad" }, [1, 2]],
  [
    "mrpc.tsv",
    "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\ta\tb\tone\ttwo\n",
    { format: "glue", task: "mrpc" },
    [2],
  ],
])("%s", async (name, text, options, lines) => {
  await inFolder(async (folder) => {
    const file = join(folder, name);
    await writeFile(file, text);
    const rowPlaces = new WeakMap<object, string>();
    const rows = await readTable(file, { ...options, rowPlaces });
    expect(rows.map((row) => rowPlaces.get(row))).toEqual(lines.map((line) => `${file} line ${line}`));
  });
});

test("Parquet counts rows", async () => {
  const rowPlaces = new WeakMap<object, string>();
  const file = fixture("sst2.none.parquet");
  const places: (string | undefined)[] = [];
  for await (const row of readRows(file, { rowPlaces })) places.push(rowPlaces.get(row));
  expect([places[0], places.at(-1)]).toEqual([`${file} row 1`, `${file} row ${places.length}`]);
});

test("another kind of map is refused", async () => {
  const error = await errorOf(() => readTable(fixture("mrpc.csv"), { rowPlaces: true as never }));
  expect(error).toEqual({ code: "ERR_ARGUMENT", message: "data: rowPlaces must be a WeakMap, got boolean" });
});
