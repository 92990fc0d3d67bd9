// Workers that come and go: node workers.js terminate | only | failures. The workers run this file too.
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

const self = new URL(import.meta.url);
const start = (task: string) => new Worker(self, { workerData: { task } });

async function runWorker(task: string): Promise<void> {
  const { ops, ready, tensor } = await import("../engine.js");
  if (task === "once") {
    const y = ops.add(tensor([1, 2], [2]), 1);
    parentPort?.postMessage([...(await y.data())]);
  } else if (task === "fail") {
    const bad = ops.gatherRows(tensor([1], [1, 1]), tensor(Int32Array.of(4), [1]));
    parentPort?.postMessage(await bad.data().then(String, (error) => error.code));
  } else {
    // Never ends: training, readings that nobody awaits, a queue that is seldom empty.
    const { Training } = await import("./train.js");
    const training = new Training();
    parentPort?.postMessage("started");
    for (;;) {
      using loss = training.step();
      const reading = loss.data();
      if (task === "await") await reading;
      await ready();
    }
  }
}

async function terminate(): Promise<void> {
  const { engineState, memory, synchronize } = await import("../engine.js");
  const { Training } = await import("./train.js");
  const train = async (steps: number) => {
    const training = new Training();
    const losses = await training.run(steps);
    training.dispose();
    await synchronize();
    return losses;
  };
  const alone = await train(150);
  const before = memory().live;
  const training = train(150);
  for (let i = 0; i < 12; i++) {
    const worker = start(i % 2 ? "await" : "ahead");
    await once(worker, "message");
    await new Promise((resolve) => setTimeout(resolve, 10 + 7 * i));
    await worker.terminate();
  }
  const beside = await training;
  await synchronize();
  const same = alone.every((loss, i) => loss === beside[i]);
  // What the executor ran last for a worker lets go a moment after the worker's end.
  for (let i = 0; i < 100 && memory().live !== before; i++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const returned = memory().live === before;
  console.log(`same losses: ${same}, memory returned: ${returned}`);
  if (!returned) console.log(memory().live - before, engineState());
}

async function only(): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const worker = start("once");
    const ended = once(worker, "exit");
    const [values] = await once(worker, "message");
    if (String(values) !== "2,3") throw new Error(`worker ${i} computed ${values}`);
    await ended;
  }
  console.log("100 workers came and went");
}

async function failures(): Promise<void> {
  const workers = ["fail", "once", "fail", "once"].map(start);
  const answers = await Promise.all(workers.map((worker) => once(worker, "message")));
  const text = answers.map(([answer]) => String(answer)).join(" ");
  console.log(text === "ERR_DATA 2,3 ERR_DATA 2,3" ? "each saw its own" : text);
}

if (!isMainThread) await runWorker(workerData.task);
else if (process.argv[2] === "terminate") await terminate();
else if (process.argv[2] === "only") await only();
else await failures();
