// Which metrics are better when they are greater, where nobody says.
import { expect, test } from "@jest/globals";
import { isGreaterBetter } from "../../src/training/events.js";

test("losses, errors and perplexity are better when they are smaller", () => {
  for (const name of ["loss", "eval_loss", "mlmLoss", "perplexity", "mse", "eval_mae"]) {
    expect([name, isGreaterBetter(name)]).toEqual([name, false]);
  }
  for (const name of ["accuracy", "f1", "exact", "PER_f1", "mlmAccuracy", "pearson"]) {
    expect([name, isGreaterBetter(name)]).toEqual([name, true]);
  }
});
