// The small parts of the command that need no process.
import { setTimeout } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { chunks } from "../../src/cli/chunks.js";
import { nearestName } from "../../src/cli/nearest-name.js";
import { setArgument } from "../../src/cli/set-arguments.js";
import { shownValue, tableOf } from "../../src/cli/table.js";

test("the nearest name, if any is near", () => {
  expect(nearestName("txet", ["label", "text"])).toBe("text");
  expect(nearestName("Labels", ["label", "text"])).toBe("label");
  expect(nearestName("question", ["label", "text"])).toBeUndefined();
  expect(nearestName("x", [])).toBeUndefined();
});

test("--set takes JSON, words and Infinity", () => {
  const set = ["betas=[0.9,0.98]", "schedule=cosine", "maxGradNorm=Infinity", "a=b=c", "groupByLength=true"];
  const all = set.reduce<Record<string, unknown>>((before, text) => setArgument(text, before), {});
  expect(all).toEqual({
    ...{ betas: [0.9, 0.98], schedule: "cosine", maxGradNorm: Number.POSITIVE_INFINITY },
    ...{ a: "b=c", groupByLength: true },
  });
  expect(() => setArgument("epochs")).toThrow("KEY=VALUE");
});

test("a table of numbers", () => {
  expect(tableOf({ rows: 20, accuracy: 0.25 })).toBe("rows          20\naccuracy  0.2500");
  expect([3, 1, 0.00001, 12345678.5, 0, "1"].map(shownValue)).toEqual([
    "3",
    "1.0000",
    "1.000e-5",
    "1.235e+7",
    "0.0000",
    "1",
  ]);
});

async function* slowly(rows: (number | "pause")[]): AsyncGenerator<number> {
  for (const row of rows) {
    if (row === "pause") await setTimeout(200);
    else yield row;
  }
}

test("groups end when full, when nothing comes, and at the end", async () => {
  const groups: number[][] = [];
  for await (const group of chunks(slowly([1, 2, 3, "pause", 4, 5]), 2, 20)) groups.push(group);
  expect(groups).toEqual([[1, 2], [3], [4, 5]]);
});

test("a failing source fails the loop; leaving the loop closes the source", async () => {
  async function* failing() {
    yield 1;
    throw new Error("broken");
  }
  await expect(async () => {
    for await (const _ of chunks(failing(), 5, 20));
  }).rejects.toThrow("broken");
  let closed = false;
  async function* open() {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      closed = true;
    }
  }
  for await (const _ of chunks(open(), 5, 20)) break;
  expect(closed).toBe(true);
});
