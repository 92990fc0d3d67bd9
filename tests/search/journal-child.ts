// A search that a test kills: a line on standard output before each trial, one of which never ends.
import { setTimeout } from "node:timers/promises";
import { search } from "../../src/search/index.js";
import { branin, braninSpace } from "./functions.js";

const [journal, starts] = process.argv.slice(2);
let begun = 0;
await search(
  async (parameters) => {
    if (++begun === Number(starts)) await setTimeout(1e9);
    return branin(parameters);
  },
  braninSpace,
  {
    ...{ trials: 25, seed: 7, journal, resume: true },
    onEvent: ({ type }) => void (type === "start" && console.log("trial")),
  },
);
