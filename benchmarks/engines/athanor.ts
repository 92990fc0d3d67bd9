// Our engine as a child process of the driver: loads a task, then runs one sample for each line it reads.
//   node dist/benchmarks/engines/athanor.js < REQUESTS
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { loadModelTask } from "./athanor-models.js";
import { loadOpTask } from "./athanor-ops.js";
import type { Answer, Loaded, Request, Task } from "./tasks.js";

let loaded: Loaded | undefined;

function load(task: Task): Promise<Loaded> {
  return task.kind === "inference" || task.kind === "training" ? loadModelTask(task) : loadOpTask(task);
}

async function answer(request: Request): Promise<Answer> {
  if (request.command === "load") {
    loaded?.dispose();
    loaded = undefined;
    loaded = await load(request.task);
    return { ok: true, note: loaded.note };
  }
  if (!loaded) throw new Error("nothing is loaded");
  if (request.command === "output") {
    if (!loaded.output) throw new Error("this task has no output to compare");
    await writeFile(request.file, await loaded.output());
    return { ok: true };
  }
  const start = performance.now();
  const loss = await loaded.run(request.repeats, request.index);
  return { ms: (performance.now() - start) / request.repeats, loss };
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply: Answer;
  try {
    reply = await answer(JSON.parse(line) as Request);
  } catch (error) {
    const { code = "ERROR", message } = error as Error & { code?: string };
    reply = { error: { code, message } };
  }
  console.log(JSON.stringify(reply));
}
