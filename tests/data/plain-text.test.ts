// readPlainText: lines, paragraphs, documents, borders between pieces.
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type PlainTextOptions, readPlainText, readTable } from "../../src/data/index.js";
import { PlainTextParser } from "../../src/data/plain-text.js";
import { fixture, inPieces } from "./fixture.js";
import { errorOf, withFile } from "./temporary.js";

const texts = async (content: string, options?: PlainTextOptions) =>
  (await withFile("a.txt", content, (file) => readPlainText(file, options))).map(({ text }) => text);

describe("readPlainText", () => {
  test("a row per line, blank ones too; LF and CRLF; the last line may lack its end", async () => {
    expect(await texts("a\r\n\n b \nc")).toEqual(["a", "", " b ", "c"]);
    expect(await texts("a\n\n")).toEqual(["a", ""]);
  });

  test("a row per paragraph, and for the whole file", async () => {
    expect(await texts("a\nb\n\n \nc\r\nd\n\n", { sampleBy: "paragraph" })).toEqual(["a\nb", "c\nd"]);
    expect(await texts("a\r\n\nb\n", { sampleBy: "document" })).toEqual(["a\r\n\nb\n"]);
  });

  test("Wikipedia text by its extension", async () => {
    const rows = await readTable<{ text: string }>(fixture("wiki.txt.gz"));
    expect(rows).toHaveLength(40);
    expect(rows[1]).toEqual({ text: "Anarchism" });
    const paragraphs = await readTable(fixture("wiki.txt.gz"), { sampleBy: "paragraph" });
    const blank = rows.filter(({ text }) => text === "").length;
    expect(paragraphs.length).toBeGreaterThan(10);
    expect(paragraphs.length).toBeLessThanOrEqual(blank + 1);
  });

  test("misuse", async () => {
    const error = await errorOf(() => texts("a", { sampleBy: "word" as never }));
    expect(error).toEqual({
      code: "ERR_ARGUMENT",
      message: 'data: sampleBy must be one of line, paragraph, document, got "word"',
    });
  });

  test("lines are what split gives, wherever pieces end", async () => {
    const lines = fc.array(fc.string({ unit: fc.constantFrom("a", " ", "é", "😀", "\r") }), { minLength: 1 });
    const property = fc.asyncProperty(lines, fc.integer({ min: 1, max: 9 }), async (parts, size) => {
      const text = `${parts.join("\n")}\n`;
      const rows = await inPieces(new PlainTextParser("a.txt", {}), text, size);
      expect(rows).toEqual(parts.map((line) => ({ text: line.replace(/\r$/, "") })));
      const whole = await inPieces(new PlainTextParser("a.txt", { sampleBy: "document" }), text, size);
      expect(whole).toEqual([{ text }]);
    });
    await fc.assert(property, { seed: 7, numRuns: 200 });
  });
});
