// A search that a test kills: a line on standard output before each trial, and trials that take their time.
import { setTimeout } from "node:timers/promises";
import { search } from "../../src/search/index.js";
import { branin, braninSpace } from "./functions.js";

const [journal] = process.argv.slice(2);
await search(
  async (parameters) => {
    await setTimeout(20);
    return branin(parameters);
  },
  braninSpace,
  {
    ...{ trials: 25, seed: 7, journal, resume: true },
    onEvent: ({ type }) => void (type === "start" && console.log("trial")),
  },
);
