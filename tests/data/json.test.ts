// readJsonl and readJson: rows, places of errors, documents of every form, borders between pieces.
import { describe, expect, test } from "@jest/globals";
import { type JsonOptions, readJson, readJsonl, type SkipReport } from "../../src/data/index.js";
import { JsonParser } from "../../src/data/json.js";
import { jsonFault } from "../../src/data/json-text.js";
import { JsonlParser } from "../../src/data/jsonl.js";
import { errorOf, withFile } from "./temporary.js";

const json = (text: string, options?: JsonOptions) =>
  withFile("rows.json", text, (file) => readJson(file, options));
const jsonl = (text: string, options?: JsonOptions) =>
  withFile("rows.jsonl", text, (file) => readJsonl(file, options));

describe("readJsonl", () => {
  test("one object per line; blank lines, CRLF and a byte order mark do no harm", async () => {
    const text = '\uFEFF{"a":1,"b":[1,{"c":null}]}\r\n\n  \n{"a":"x\\n"}';
    expect(await jsonl(text)).toEqual([{ a: 1, b: [1, { c: null }] }, { a: "x\n" }]);
  });

  const faults: [string, string, string][] = [
    ["a missing value", '{"a":1}\n{"a":}\n', 'line 2, column 6: needs value here, got "}"'],
    ["a missing comma", '{"a":1 "b":2}', 'line 1, column 8: needs , or } here, got "\\""'],
    ["a cut line", '{"a":1}\n{"a":[1', "line 2, column 8: needs , or ] here, got the end of the text"],
    ["a word", '{"a":nul}', 'line 1, column 6: needs value here, got "n"'],
    ["a leading zero", '{"a":01}', 'line 1, column 6: needs value here, got "0"'],
    ["a trailing comma", '{"a":[1,]}', 'line 1, column 9: needs value here, got "]"'],
    ["an open string", '{"a":"x}', "line 1, column 6: needs a string with a closing quote"],
    ["two values", '{"a":1} {"b":2}', 'line 1, column 9: needs end here, got "{"'],
    ["an array", "[1,2]", "line 1, column 1: needs an object, got an array"],
    ["null", "null", "line 1, column 1: needs an object, got null"],
    ["a number", "3", "line 1, column 1: needs an object, got a number"],
  ];
  test.each(faults)("%s", async (_name, text, message) => {
    const error = await errorOf(() => jsonl(text));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toContain(`rows.jsonl ${message}`);
  });

  test("bad lines are skipped and reported", async () => {
    let report: SkipReport | undefined;
    const options = { onBadRow: "skip", onSkip: (made: SkipReport) => (report = made) } as const;
    expect(await jsonl('{"a":1}\n{"a"\n[]\n{"a":2}\n', options)).toEqual([{ a: 1 }, { a: 2 }]);
    expect(report).toMatchObject({
      count: 2,
      reasons: [
        { line: 2, column: 5 },
        { line: 3, column: 1 },
      ],
    });
  });

  test("types are checked, and text converted", async () => {
    const types = { n: "number", i: "integer", t: "boolean", s: "string" } as const;
    const row = { n: 1.5, i: 3, t: true, s: "3" };
    expect(await jsonl('{"n":1.5,"i":"3","t":true,"s":3}', { types })).toEqual([row]);
    const missing = await errorOf(() => jsonl('{"n":1}', { types }));
    expect(missing.message).toContain('line 1, column "i": needs an integer, got nothing');
    const wrong = await errorOf(() => jsonl('{"n":[1]}', { types: { n: "number" } }));
    expect(wrong.message).toContain('line 1, column "n": needs a number, got [1]');
  });

  test("__proto__ as a key pollutes nothing", async () => {
    const [row] = await jsonl('{"__proto__":{"polluted":1},"a":2}', { types: { a: "string" } });
    expect(Object.keys(row)).toEqual(["__proto__", "a"]);
    expect((row as { polluted?: number }).polluted).toBeUndefined();
    const typed = await errorOf(() => jsonl('{"a":1}', { types: JSON.parse('{"__proto__":"number"}') }));
    expect(typed.message).toContain('column "__proto__": needs a number, got nothing');
  });

  test("nesting of any depth is a row like any other", async () => {
    const deep = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    expect(await jsonl(deep)).toHaveLength(1);
    expect((await errorOf(() => jsonl(deep.slice(0, -2)))).code).toBe("ERR_DATA");
  });
});

describe("readJson", () => {
  const good: [string, string, JsonOptions, object[]][] = [
    ["an array", ' [ {"a":1} , {"a":"]"} ] \n', {}, [{ a: 1 }, { a: "]" }]],
    ["an empty array", "[]", {}, []],
    ["objects one after another", '{"a":1}\n{"a":2} {"a":3}', {}, [{ a: 1 }, { a: 2 }, { a: 3 }]],
    ["one object", '{"a":[1,2]}', {}, [{ a: [1, 2] }]],
    [
      "an array under a member",
      '{"version":"v2","x":{"data":[]},"n":1,"data":[{"a":"\\"}"}],"more":[]}',
      { field: "data" },
      [{ a: '"}' }],
    ],
    ["an empty array under a member", '{"data":[]}', { field: "data" }, []],
    ["a member with an escaped name", '{"d\\u0061ta":[{"a":1}]}', { field: "data" }, [{ a: 1 }]],
  ];
  test.each(good)("%s, cut anywhere", async (_name, text, options, rows) => {
    expect(await json(text, options)).toEqual(rows);
    for (let size = 1; size < text.length; size++) {
      const parser = new JsonParser("f.json", options);
      const found: object[] = [];
      for (let at = 0; at < text.length; at += size)
        found.push(...parser.push(text.slice(at, at + size), false));
      found.push(...parser.push("", true));
      expect(found).toEqual(rows);
    }
  });

  const faults: [string, string, JsonOptions, string][] = [
    ["not JSON", "hello", {}, 'line 1, column 1: needs an array of objects, got "h"'],
    [
      "cut off",
      '[{"a":1},\n{"a"',
      {},
      "line 2, column 5: needs a whole JSON document, got the end of the file",
    ],
    ["cut off after a row", '[{"a":1}', {}, "needs a whole JSON document"],
    ["a missing comma", '[{"a":1}\n {"a":2}]', {}, 'line 2, column 2: needs a comma or ], got "{"'],
    ["a trailing comma", '[{"a":1},]', {}, 'line 1, column 10: needs a value, got "]"'],
    ["a wrong row", '[{"a":1},\n  {"a":\n  x}]', {}, 'line 3, column 3: needs value here, got "x"'],
    ["a row that is no object", '[{"a":1},\n"x"]', {}, "line 2, column 1: needs an object, got a string"],
    ["something behind", "[] x", {}, 'line 1, column 4: needs nothing after the document, got "x"'],
    ["a list behind objects", '{"a":1} [1]', {}, 'line 1, column 9: needs another object, got "["'],
    ["no such member", '{"a":[],"b":1}', { field: "data" }, 'needs a member "data", got a, b'],
    [
      "a member that is no array",
      '{"data":{}}',
      { field: "data" },
      'column 9: needs an array of objects under "data"',
    ],
    ["an array where a member was named", "[]", { field: "data" }, 'needs an object with "data", got "["'],
    ["a name without quotes", '{"a":1,b:2}', { field: "data" }, 'column 8: needs a member name, got "b"'],
    [
      "a document without field",
      '{"v":1,"data":[{"a":1}]}',
      {},
      "needs the option field to say which member",
    ],
  ];
  test.each(faults)("%s", async (_name, text, options, message) => {
    const error = await errorOf(() => json(text, options));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toContain("rows.json line ");
    expect(error.message).toContain(message);
  });

  test("bad elements are skipped and reported", async () => {
    let report: SkipReport | undefined;
    const options = { onBadRow: "skip", onSkip: (made: SkipReport) => (report = made) } as const;
    expect(await json('[{"a":1}, 7, {"a":01}, {"a":2}]', options)).toEqual([{ a: 1 }, { a: 2 }]);
    expect(report).toMatchObject({ count: 2, reasons: [{ column: 11 }, { column: 19 }] });
  });

  test("option field", async () => {
    const error = await errorOf(() => json("[]", { field: 3 as never }));
    expect(error).toEqual({ code: "ERR_ARGUMENT", message: "data: field must be a string, got 3" });
  });
});

test("JsonlParser: lines cut anywhere", () => {
  const text = '{"a":"é"}\r\n\n{"b":[2]}\n{"c":3}';
  for (let size = 1; size < text.length; size++) {
    const parser = new JsonlParser("f.jsonl", {});
    const found: object[] = [];
    for (let at = 0; at < text.length; at += size)
      found.push(...parser.push(text.slice(at, at + size), false));
    found.push(...parser.push("", true));
    expect(found).toEqual([{ a: "é" }, { b: [2] }, { c: 3 }]);
  }
});

test("jsonFault finds no fault in what JSON.parse accepts, and one in what it refuses", () => {
  const texts = [
    '{"a":[1,-0.5e+3,true,null,"\\u00e9\\\\"],"b":{}}',
    "[]",
    '"x"',
    " 1 ",
    "[1,]",
    "{,}",
    "1 2",
    "",
  ];
  texts.push(
    "[1}",
    '{"a"}',
    '{"a":1,}',
    "tru",
    "1e",
    "-",
    "[[",
    '"\\x"',
    '"a\nb"',
    "{]",
    "]",
    "truefalse",
    "1a",
  );
  for (const text of texts) {
    let valid = true;
    try {
      JSON.parse(text);
    } catch {
      valid = false;
    }
    expect([text, jsonFault(text) === undefined]).toEqual([text, valid]);
  }
});
