// Regular expressions of tokenizer.json: syntax, matches, and the bounds on what they may cost. What they match
// in practice is compared with the reference in stages.test.ts.

import { describe, expect, test } from "@jest/globals";

import { NormalizedText } from "../../src/tokenizers/normalized-text.js";
import { Pattern } from "../../src/tokenizers/regex/pattern.js";
import { expectError } from "./support.js";

function matches(source: string, text: string): string[] {
  const loaded = new NormalizedText();
  loaded.load(text);
  const found: string[] = [];
  new Pattern(source).each(loaded, 0, loaded.length, (from, to) => found.push(loaded.slice(from, to)));
  return found;
}

describe("what is found", () => {
  test.each<[string, string, string[]]>([
    ["a|ab", "abab", ["a", "a"]],
    ["a{2,3}?", "aaaaa", ["aa", "aa"]],
    ["a{,2}b", "aaab b", ["aab", "b"]],
    ["x{", "x{x", ["x{"]],
    ["(?:ab)+", "ababxab", ["abab", "ab"]],
    ["(?<name>a)(b)", "ab", ["ab"]],
    ["a++b|a", "aab aa", ["aab", "a", "a"]],
    ["(?>a+)a|b", "aaab", ["b"]],
    ["(?i:straße|Σ)x?", "STRASSE straße Straßex σx ς", ["straße", "Straßex", "σx", "ς"]],
    ["a(?i)b|c", "aB AB C", ["aB"]],
    ["(?<=a|bc)x", "ax bcx cx", ["x", "x"]],
    ["(?<!a)x", "ax bx", ["x"]],
    ["x(?=y)", "xy xz", ["x"]],
    ["x(?!y)", "xy xz", ["x"]],
    ["[^\\s\\p{L}]+", "a1!\u00a0é", ["1!"]],
    ["[a-c&&[^b]]+", "abc", ["a", "c"]],
    ["[]a]+", "]a[", ["]a"]],
    ["[a\\-z]+", "a-zb", ["a-z"]],
    ["[[:punct:]]", "a,b", [","]],
    ["\\p{^L}", "aé1", ["1"]],
    ["\\P{Lu}+", "aB1", ["a", "1"]],
    ["\\x41\\u0042\\x{43}", "ABC", ["ABC"]],
    [".", "\n😀a", ["😀", "a"]],
    ["^a", "a\na", ["a", "a"]],
    ["a$", "a\nba", ["a", "a"]],
    ["\\Aa|a\\z", "aaa", ["a", "a"]],
    ["\\bab\\b", "ab cab", ["ab"]],
    ["x*", "xxyx", ["xx", "x"]],
    ["x*", "yx", ["", "x"]],
    ["(a*)*b", "aab", ["aab"]],
    ["\\h+", "xfF0g", ["fF0"]],
    ["\\.\\/", "./", ["./"]],
  ])("%s in %j", (source, text, wanted) => {
    expect(matches(source, text)).toEqual(wanted);
  });
});

describe("what is refused", () => {
  test.each<[string, RegExp]>([
    ["(a", /balanced parentheses/],
    ["a)", /balanced parentheses/],
    ["[a", /a closing bracket/],
    ["*a", /something to repeat/],
    ["a\\", /a character after the backslash/],
    ["(a)\\1", /an escape known here/],
    ["(?P<n>a)", /a group of a kind known here/],
    ["\\p{Nothing}", /a property known here, not "Nothing"/],
    ["[z-a]", /ranges in order/],
    ["a{3,2}", /counts in order/],
    ["(?<=a*)b", /a known length where it looks behind/],
    ["((a{100}){100}){100}", /small enough/],
    ["(".repeat(1000) + ")".repeat(1000), /groups inside each other/],
    ["\\u{110000}", /a code point/],
  ])("%s", async (source, message) => {
    await expectError(() => new Pattern(source), "ERR_TOKENIZER", message);
  });
});

describe("bounds", () => {
  // Exponential or quadratic for an engine that only goes back
  test.each(["(a+)+b", "(a|a)*b", "(a|aa)+$x", "a*a*a*a*a*b", "(?:a?){30}a{30}b", "\\s*a*\\s*b"])(
    "%s on a long text that it does not match",
    (source) => {
      expect(matches(source, "a".repeat(20_000))).toEqual([]);
    },
  );

  test("what looks ahead from everywhere to the end is stopped", async () => {
    const call = () => matches("(?=(a*))b", "a".repeat(100_000));
    await expectError(call, "ERR_TOKENIZER", /must take at most 500 steps per character/);
  });

  test("a pattern that was stopped works on the next text", async () => {
    const pattern = new Pattern("(?=(a*))b|c");
    const run = (text: string) => {
      const loaded = new NormalizedText();
      loaded.load(text);
      let count = 0;
      pattern.each(loaded, 0, loaded.length, () => count++);
      return count;
    };
    await expectError(() => run("a".repeat(100_000)), "ERR_TOKENIZER", /must take at most/);
    expect(run("abcc")).toBe(3);
  });
});
