// The table of tasks says of each task what is so.
import { expect, test } from "@jest/globals";
import { neededColumns } from "../../src/tasks/entry.js";
import { taskEntries, taskEntry } from "../../src/tasks/registry.js";
import { errorOf } from "../data/temporary.js";

test.each(taskEntries.map((entry) => [entry.name, entry] as const))("%s", (name, entry) => {
  expect(entry.make({}).name).toBe(name);
  expect(taskEntry(name)).toBe(entry);
  const names = entry.options.map((option) => option.name);
  expect(new Set(names).size).toBe(names.length);
  // Defaults in the table are those of the task: giving them changes nothing and is accepted.
  const defaults = entry.options.flatMap((option) =>
    option.default === undefined ? [] : [[option.name, option.default]],
  );
  expect(entry.make(Object.fromEntries(defaults)).name).toBe(name);
});

test("each word of an option is one that the task takes", () => {
  for (const entry of taskEntries) {
    for (const { name, kind } of entry.options) {
      for (const word of Array.isArray(kind) ? kind : [])
        expect(() => entry.make({ [name]: word })).not.toThrow();
    }
  }
});

test("columns follow from options, and from GLUE's name", () => {
  const entry = taskEntry("text-classification");
  const columns = (settings: object, labels: "required" | "none") =>
    neededColumns(entry, settings as Record<string, string>, labels).map(({ names }) => names);
  expect(columns({}, "required")).toEqual([["text"], ["label"]]);
  expect(columns({ glue: "mrpc" }, "none")).toEqual([["sentence1"]]);
  expect(columns({ textColumn: "q" }, "none")).toEqual([["q"]]);
  expect(neededColumns(taskEntry("multiple-choice"), {}, "none").map(({ names }) => names)).toEqual([
    ["context", "sent1", "prompt"],
  ]);
});

test("the best checkpoint is chosen by what the task measures", () => {
  const best = (name: string, settings = {}, labels?: string[]) =>
    taskEntry(name).best(settings, labels).name;
  expect(best("text-classification", { glue: "cola" })).toBe("matthewsCorrelation");
  expect(best("text-classification", { problem: "multi-label" })).toBe("f1_micro");
  expect(best("token-classification", {}, ["O", "B-PER"])).toBe("f1");
  expect(best("token-classification", {}, ["NOUN", "VERB"])).toBe("accuracy");
});

test("an unknown task is named with those there are", async () => {
  expect(await errorOf(() => taskEntry("tagging"))).toEqual({
    code: "ERR_ARGUMENT",
    message: `tasks: name must be one of ${taskEntries.map(({ name }) => name).join(", ")}, got "tagging"`,
  });
});
