// Strings as Python 3.11 treats them.
import { describe, expect, test } from "@jest/globals";
import {
  codePointLength,
  formatFixed,
  isPythonSpace,
  splitWords,
  strip,
  stripEnd,
} from "../../src/metrics/python-text.js";

// Every code point for which Python's str.isspace() holds
const SPACES = [
  9, 10, 11, 12, 13, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004,
  0x2005, 0x2006, 0x2007, 0x2008, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000,
];

describe("Python's strings", () => {
  test("white space, of all UTF-16 units", () => {
    const found = Array.from({ length: 0x10000 }, (_, unit) => unit).filter(isPythonSpace);
    expect(found).toEqual(SPACES);
  });

  test("split and strip", () => {
    expect(splitWords(" a\u001fb\u3000\ufeffc \n")).toEqual(["a", "b", "\ufeffc"]);
    expect(splitWords("\t ")).toEqual([]);
    expect([strip("\u0085 x \u2028"), stripEnd(" x\u00a0"), strip(" \n")]).toEqual(["x", " x", ""]);
  });

  test("length in code points", () => {
    expect(["", "é", "😀a", "\ud83d", "\ude00\ud83d"].map(codePointLength)).toEqual([0, 1, 2, 1, 2]);
  });

  test("fixed decimals: ties to even, as f-strings round", () => {
    const cases: [number, number, string][] = [
      [0.125, 2, "0.12"],
      [0.375, 2, "0.38"],
      [0.03125, 4, "0.0312"],
      [0.5, 0, "0"],
      [1.5, 0, "2"],
      [2.5, 0, "2"],
      [-0.125, 2, "-0.12"],
      [0.1, 2, "0.10"],
      [1.005, 2, "1.00"],
      [Number.NaN, 2, "nan"],
    ];
    for (const [value, digits, text] of cases)
      expect([value, formatFixed(value, digits)]).toEqual([value, text]);
  });
});
