// Options that no task has, columns that are no names, and models of another kind are refused with a code.
import { expect, test } from "@jest/globals";
import type { AnyTask } from "../../src/tasks/entry.js";
import {
  causalLanguageModeling,
  maskedLanguageModeling,
  multipleChoice,
  preTraining,
  questionAnswering,
  summarization,
  textClassification,
  tokenClassification,
  translation,
} from "../../src/tasks/index.js";
import type { TrainableModel } from "../../src/training/index.js";

const pairs = { translation, summarization };
const tasks = {
  textClassification,
  tokenClassification,
  multipleChoice,
  questionAnswering,
  maskedLanguageModeling,
  preTraining,
  causalLanguageModeling,
  ...pairs,
} as Record<string, (options: object) => unknown>;

const columns: Record<string, string> = {
  ...{ textClassification: "pairColumn", tokenClassification: "tagsColumn", multipleChoice: "contextColumn" },
  ...{ questionAnswering: "answersColumn", maskedLanguageModeling: "textColumn", preTraining: "pairColumn" },
  ...{ causalLanguageModeling: "textColumn", translation: "targetColumn", summarization: "documentColumn" },
};

test.each(Object.keys(tasks))("%s", (name) => {
  const refusal = (message: string) => expect.objectContaining({ code: "ERR_ARGUMENT", message });
  expect(() => tasks[name]({ maxLenght: 8 })).toThrow(
    refusal(expect.stringMatching(`^${name}: options must be made of .*, got maxLenght$`) as never),
  );
  expect(() => tasks[name]({ [columns[name]]: 5 })).toThrow(
    refusal(`${name}: ${columns[name]} must be the name of a column, got 5`),
  );
  const known = name in pairs ? { maxSourceLength: 16 } : { maxLength: 16 };
  expect(() => tasks[name]({ [columns[name]]: undefined, ...known })).not.toThrow();
});

test.each<[string, AnyTask, string]>([
  ["textClassification", textClassification(), "AutoModelForSequenceClassification"],
  ["multipleChoice", multipleChoice(), "AutoModelForMultipleChoice"],
  ["questionAnswering", questionAnswering(), "AutoModelForQuestionAnswering with startLogits and endLogits"],
  ["maskedLanguageModeling", maskedLanguageModeling(), "AutoModelForMaskedLM"],
])("%s of a model with another head", (name, task, needed) => {
  const model = { config: {} } as unknown as TrainableModel;
  expect(() => task.predict({}, [{ inputIds: [1] }], model)).toThrow(
    expect.objectContaining({
      code: "ERR_ARGUMENT",
      message: `${name}: model must be one of ${needed}, got another head`,
    }),
  );
});
