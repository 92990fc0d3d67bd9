// readCsv: dialects, headers, types, bad rows, borders between pieces.
import { describe, expect, test } from "@jest/globals";
import { type CsvOptions, CsvParser } from "../../src/data/csv.js";
import { readCsv, type SkipReport } from "../../src/data/index.js";
import { uniform } from "../support/random.js";
import { errorOf, withFile } from "./temporary.js";

const csv = (text: string | Uint8Array, options?: CsvOptions, name = "rows.csv") =>
  withFile(name, text, (file) => readCsv(file, options));

describe("readCsv: well-formed files", () => {
  const cases: [string, string, CsvOptions, object[]][] = [
    [
      "header and rows",
      "a,b\n1,x\n2,y\n",
      {},
      [
        { a: "1", b: "x" },
        { a: "2", b: "y" },
      ],
    ],
    ["no line end at the end", "a,b\n1,x", {}, [{ a: "1", b: "x" }]],
    ["CRLF", "a,b\r\n1,x\r\n", {}, [{ a: "1", b: "x" }]],
    ["byte order mark", "\uFEFFa,b\n1,x\n", {}, [{ a: "1", b: "x" }]],
    ["quotes", 'a,b\n"1,2","say ""x"""\n', {}, [{ a: "1,2", b: 'say "x"' }]],
    ["quoted line ends", 'a,b\n"1\r\n2\n3",x\r\n', {}, [{ a: "1\r\n2\n3", b: "x" }]],
    [
      "empty fields",
      'a,b\n,\n"",""\n',
      {},
      [
        { a: "", b: "" },
        { a: "", b: "" },
      ],
    ],
    ["a quote inside a plain field", 'a,b\n5" pipe,x\n', {}, [{ a: '5" pipe', b: "x" }]],
    ["a quoted field that begins with a quote", 'a,b\n"""x""y",z\n', {}, [{ a: '"x"y', b: "z" }]],
    ["another separator beyond ASCII", 'a§b\n"""1"""§x\n', { separator: "§" }, [{ a: '"1"', b: "x" }]],
    [
      "blank lines",
      "\na,b\n\n1,x\n\r\n2,y\n\n",
      {},
      [
        { a: "1", b: "x" },
        { a: "2", b: "y" },
      ],
    ],
    ["one column, empty in quotes", 'a\n""\n', {}, [{ a: "" }]],
    ["only a header", "a,b\n", {}, []],
    ["no header", "1,x\n", { columns: ["a", "b"] }, [{ a: "1", b: "x" }]],
    ["another separator", "a;b\n1;x,y\n", { separator: ";" }, [{ a: "1", b: "x,y" }]],
    ["quotes switched off", 'a,b\n"1,x"\n', { quote: false }, [{ a: '"1', b: 'x"' }]],
    ["characters beyond ASCII", "文,b\n炼丹🜍,é\n", {}, [{ 文: "炼丹🜍", b: "é" }]],
  ];
  test.each(cases)("%s", async (_name, text, options, rows) => {
    expect(await csv(text, options)).toEqual(rows);
  });

  test("a .tsv file has tabs and no quotes, unless asked for", async () => {
    expect(await csv('a\tb\n"x\ty"\n', {}, "rows.tsv")).toEqual([{ a: '"x', b: 'y"' }]);
    expect(await csv('a\tb\n"x\ty"\tz\n', { quote: true }, "rows.TSV")).toEqual([{ a: "x\ty", b: "z" }]);
  });

  test("types", async () => {
    const types = { n: "number", i: "integer", t: "boolean", s: "string" } as const;
    const rows = await csv("n,i,t,s,o\n-1.5e3, 42 ,True,7,8\n.5,+7,0,x,y\n", { types });
    expect(rows).toEqual([
      { n: -1500, i: 42, t: true, s: "7", o: "8" },
      { n: 0.5, i: 7, t: false, s: "x", o: "y" },
    ]);
  });

  test("a column named __proto__ is an own property and changes nothing else", async () => {
    const [row] = await csv("__proto__,constructor\npolluted,x\n", {
      types: { constructor: "string" as never },
    });
    expect(Object.getPrototypeOf(row)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(row, "__proto__")?.value).toBe("polluted");
    expect(Object.keys(row)).toEqual(["__proto__", "constructor"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe("readCsv: wrong files", () => {
  const cases: [string, string, CsvOptions, string][] = [
    ["nothing at all", "", {}, "needs a header or rows, got an empty file"],
    ["only blank lines", "\n \r\n", {}, "needs a header or rows, got an empty file"],
    ["only a byte order mark", "\uFEFF", {}, "needs a header or rows, got an empty file"],
    ["too few fields", "a,b\n1,2\n3\n", {}, "line 3: needs 2 fields (a, b), got 1"],
    ["too many fields", "a,b\n1,2,3\n", {}, "line 2: needs 2 fields (a, b), got 3"],
    [
      "lines counted through quoted CRLF",
      'a,b\r\n"1\r\n2",3\r\n4\r\n',
      {},
      "line 4: needs 2 fields (a, b), got 1",
    ],
    [
      "lines counted through blank ones and CRLF",
      '\r\na,b\r\n\r\n\r\n"\r\n",3\r\n\r\n4\r\n',
      {},
      "line 8: needs 2 fields (a, b), got 1",
    ],
    ["text after a closing quote", 'a,b\n1,"x"y\n', {}, 'line 2, column "b": a closing quote needs'],
    ["a space after a closing quote", 'a,b\n"x" ,1\n', {}, 'line 2, column "a": a closing quote needs'],
    ["doubled quotes before it", 'a,b\n1,"x""y""z"y\n', {}, 'line 2, column "b": a closing quote needs'],
    ["the same on a later line", 'a,b\n1,"x\nyz"y\n', {}, 'line 2, column "b": a closing quote needs'],
    [
      "a quote left open",
      'a,b\n\n1,"x\ny,z\n',
      {},
      'line 3, column "b": an opening quote needs a closing one',
    ],
    ["the same in the header", '"a,b\n1,2\n', {}, "line 1: an opening quote needs a closing one"],
    [
      "a wrong header",
      'a,"b"c\n1,2\n',
      {},
      'line 1: a closing quote needs a separator or a line end after it, got "\\"b\\"c"',
    ],
    ["the same column twice", "a,a\n1,2\n", {}, 'line 1, column "a": needs different column names'],
    ["not a number", "a,b\n1,x\n", { types: { b: "number" } }, 'line 2, column "b": needs a number, got "x"'],
    ["hexadecimal", "a\n0x10\n", { types: { a: "number" } }, 'column "a": needs a number, got "0x10"'],
    ["an empty number", "a,b\n1,\n", { types: { b: "number" } }, 'column "b": needs a number, got ""'],
    ["not an integer", "a\n1.5\n", { types: { a: "integer" } }, 'column "a": needs an integer, got "1.5"'],
    ["too large", "a\n9007199254740993\n", { types: { a: "integer" } }, "needs an integer"],
    ["not a boolean", "a\nyes\n", { types: { a: "boolean" } }, 'column "a": needs a boolean, got "yes"'],
    ["a typed column that is not there", "a\n1\n", { types: { b: "number" } }, 'column "b": types names'],
  ];
  test.each(cases)("%s", async (_name, text, options, message) => {
    const error = await errorOf(() => csv(text, options));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toContain("rows.csv");
    expect(error.message).toContain(message);
  });

  const misuses: [string, CsvOptions, string][] = [
    [
      "separator",
      { separator: "::" },
      'separator must be one character, not a quote or a line end, got "::"',
    ],
    ["quote", { quote: "'" as never }, "quote must be true or false"],
    ["columns", { columns: ["a", "a"] }, 'columns must be different names, got ["a","a"]'],
    ["types", { types: { a: "date" as never } }, "types.a must be one of string, number, integer, boolean"],
    ["onBadRow", { onBadRow: "warn" as never }, 'onBadRow must be "throw" or "skip", got warn'],
    ["onSkip", { onSkip: 1 as never }, "onSkip must be a function, got number"],
  ];
  test.each(misuses)("option %s", async (_name, options, message) => {
    const error = await errorOf(() => csv("a\n1\n", options));
    expect(error).toEqual({ code: "ERR_ARGUMENT", message: expect.stringContaining(message) });
  });

  test("a row beyond the limit does not eat the memory", async () => {
    const long = "x".repeat(17 * 1024 * 1024);
    const error = await errorOf(() => csv(`a\n"open\n${long}`, { onBadRow: "skip" }));
    const message = "rows.csv line 2: needs rows of at most 16777216 bytes";
    expect(error).toEqual({ code: "ERR_DATA", message: expect.stringContaining(message) });
  });
});

describe("readCsv: skipping bad rows", () => {
  test("the rows after a bad one are read, and the report says what was left out", async () => {
    const reports: SkipReport[] = [];
    const text = 'a,b\n1,"x"y\n3,"4"\n5\n6,"open\n7,8\n9,"shut"\n10,11\n';
    const rows = await csv(text, { onBadRow: "skip", onSkip: (report) => reports.push(report) });
    expect(rows).toEqual([
      { a: "3", b: "4" },
      { a: "10", b: "11" },
    ]);
    expect(reports).toHaveLength(1);
    expect(reports[0].count).toBe(3);
    expect(reports[0].file).toContain("rows.csv");
    expect(reports[0].reasons.map(({ line, column }) => [line, column])).toEqual([
      [2, "b"],
      [4, undefined],
      [5, "b"],
    ]);
    expect(reports[0].reasons[1].message).toContain("rows.csv line 4: needs 2 fields (a, b), got 1");
  });

  test("a quote that is never closed is an error all the same, after the report", async () => {
    const reports: SkipReport[] = [];
    const options = { onBadRow: "skip", onSkip: (report: SkipReport) => reports.push(report) } as const;
    const error = await errorOf(() => csv('a,b\n1\n2,"open\n3,4\n', options));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toContain('rows.csv line 3, column "b": an opening quote needs a closing one');
    expect(reports.map(({ count }) => count)).toEqual([1]);
  });

  test("at most ten reasons, all counted; none, and no report is made", async () => {
    const reports: SkipReport[] = [];
    const options = { onBadRow: "skip", onSkip: (report: SkipReport) => reports.push(report) } as const;
    await csv(`a,b\n${"1\n".repeat(25)}`, options);
    expect(reports[0].count).toBe(25);
    expect(reports[0].reasons).toHaveLength(10);
    await csv("a,b\n1,2\n", options);
    expect(reports).toHaveLength(1);
  });
});

describe("CsvParser: pieces", () => {
  async function pushed(parser: CsvParser, text: string, size: number): Promise<object[]> {
    const rows: object[] = [];
    for (let at = 0; at < text.length; at += size) {
      rows.push(...(await parser.push(text.slice(at, at + size), false)));
    }
    rows.push(...(await parser.push("", true)));
    return rows;
  }

  // Fields made of the characters that matter, and the file that a careful program writes of them; seeded.
  function randomFile(seed: number): { text: string; rows: object[] } {
    const next = uniform(seed);
    const names = ["a", "b", "c", "d"].slice(0, 2 + Math.floor(next() * 3));
    const field = () => {
      let value = "";
      while (next() < 0.7) value += 'ab,"\r\n é'[Math.floor(next() * 8)];
      return value;
    };
    const written = (value: string) => {
      const plain = !/^"|[,\r\n]/.test(value) && next() < 0.5;
      return plain ? value : `"${value.replaceAll('"', '""')}"`;
    };
    const records = Array.from({ length: 8 }, () => names.map(field));
    const end = next() < 0.5 ? "\n" : "\r\n";
    const text = [names, ...records].map((record) => record.map(written).join(",")).join(end);
    const rows = records.map((record) => Object.fromEntries(record.map((value, i) => [names[i], value])));
    return { text: next() < 0.5 ? text : text + end, rows };
  }

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("200 random files, cut every %i characters", async (size) => {
    for (let seed = 0; seed < 200; seed++) {
      const { text, rows } = randomFile(seed);
      expect(await pushed(new CsvParser("random.csv", {}), text, size)).toEqual(rows);
    }
  });

  test("bad rows are the same however the text is cut", async () => {
    const text = 'a,b\r\n1,"x"y\r\n"3\r\n",4\r\n5\r\n7,8\r\n';
    for (let size = 1; size <= text.length; size++) {
      let report: SkipReport | undefined;
      const parser = new CsvParser("f.csv", { onBadRow: "skip", onSkip: (made) => (report = made) });
      const rows = await pushed(parser, text, size);
      parser.bad.report();
      expect(rows).toEqual([
        { a: "3\r\n", b: "4" },
        { a: "7", b: "8" },
      ]);
      expect(report?.reasons.map(({ line }) => line)).toEqual([2, 5]);
    }
  });
});
