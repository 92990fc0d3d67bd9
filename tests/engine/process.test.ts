// Whole processes: exits, workers, copies. Each case is a script of its own in a child.
import { describe, expect, test } from "@jest/globals";
import { runNode, runScript } from "./support.js";

describe("the end of a process", () => {
  test("unawaited work does not keep it alive", async () => {
    const { code, output, milliseconds } = await runScript("ends", ["unawaited"]);
    expect(output).toBe("queued\n");
    expect(code).toBe(0);
    expect(milliseconds).toBeLessThan(20_000); // the work itself would take minutes
  });

  test("a pending data() does, and so does ready()", async () => {
    const { code, output } = await runScript("ends", ["pending"]);
    expect(output).toBe("queued\ndata arrived\nready\n");
    expect(code).toBe(0);
  });

  test("process.exit() in mid-run keeps its code", async () => {
    for (let i = 0; i < 5; i++)
      expect(await runScript("ends", ["exit"])).toMatchObject({ code: 7, signal: null });
  });

  test("an uncaught exception ends as it should", async () => {
    const { code, signal, output } = await runScript("ends", ["throw"]);
    expect(signal).toBeNull();
    expect(code).toBe(1);
    expect(output).toContain("on purpose");
  });

  test("a rejection that nobody handles too", async () => {
    const { code, output } = await runScript("ends", ["reject"]);
    expect(code).toBe(1);
    expect(output).toContain("ERR_DATA");
  });
});

describe("worker threads", () => {
  test("terminate() in mid-run, twelve times, while the main thread trains", async () => {
    const { code, signal, output } = await runScript("workers", ["terminate"]);
    expect(output).toContain("same losses: true, memory returned: true");
    expect({ code, signal }).toEqual({ code: 0, signal: null });
  });

  test("the package loaded only in workers that end, a hundred times", async () => {
    const { code, signal, output } = await runScript("workers", ["only"]);
    expect(output).toContain("100 workers came and went");
    expect({ code, signal }).toEqual({ code: 0, signal: null });
  });

  test("a failure in one is not seen in another", async () => {
    const { code, output } = await runScript("workers", ["failures"]);
    expect(output).toContain("each saw its own");
    expect(code).toBe(0);
  });
});

test("two copies of the binary in one process", async () => {
  const { code, output } = await runScript("copies");
  expect(output).toContain("both compute");
  expect(code).toBe(0);
});

test("require('athanor') works from CommonJS, import from ESM", async () => {
  const body =
    "const { tensor, ops } = athanor; console.log([...ops.add(tensor([1, 2], [2]), 1).dataSync()].join());";
  const required = await runNode([
    "--input-type=commonjs",
    "-e",
    `const athanor = require("athanor"); ${body}`,
  ]);
  // Node 20 says that require() of an ES module is experimental.
  expect(required.output.split("\n")).toContain("2,3");
  expect(required.code).toBe(0);
  const imported = await runNode([
    "--input-type=module",
    "-e",
    `import * as athanor from "athanor"; ${body}`,
  ]);
  expect(imported.output).toBe("2,3\n");
});

test("the event loop turns while big products run", async () => {
  const { code, output } = await runScript("event-loop");
  const { turns, p99, maximum, batches } = JSON.parse(output);
  console.log(
    `event loop under load: p99 ${p99} ms, maximum ${maximum} ms, ${turns} turns in ${batches} batches of 8 products`,
  );
  expect(batches).toBeGreaterThan(0);
  // No bound on time here: a loop that waited for the products would turn once or twice between batches.
  expect(turns).toBeGreaterThan(5 * batches);
  expect(code).toBe(0);
});
