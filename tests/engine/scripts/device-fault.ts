// A GPU that a kernel's fault ends while its results are read, on two queues, on their way to the CPU, or in training:
//   CUDA_EMULATION_FAULT=3 node device-fault.js reads | queues | moves | trains
import { AthanorError } from "../../../src/errors.js";
import { devices, emptyCache, memory, ops, ready, synchronize, tensor } from "../engine.js";
import { createQueue, tensorOn } from "../support.js";

const cuda = { device: "cuda" as const };
const x = tensor([1, 2], [2], cuda);
const other = createQueue("high", "cuda");
const y = tensorOn(other, [3, 4], [2], "cuda");
const good = await ops.add(x, 1).data(); // launch 1
if (String(good) !== "2,3") throw new Error(`before the fault: ${good}`);

const failures: Record<string, () => Promise<unknown>> = {
  reads: () => ops.add(ops.mul(x, 2), 1).data(),
  queues: () => ops.mul(ops.add(x, y), ops.add(y, 1)).data(),
  moves: () =>
    ops
      .add(ops.mul(ops.add(x, 1), 2), 1)
      .to("cpu")
      .data(),
  trains: async () => {
    const weight = tensor([1, 2], [1, 2], { ...cuda, requiresGrad: true });
    ops.sum(ops.linear(x.reshape([1, 2]), weight)).backward();
    await weight.grad!.data();
  },
};

async function failureOf(work: () => unknown): Promise<AthanorError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof AthanorError) return error;
    throw error;
  }
  throw new Error(`nothing failed in ${work}`);
}

const first = await failureOf(failures[process.argv[2]]);
const cause = first.message.match(/(cudaErrorIllegalAddress) \((.+?)\)/) ?? [];
console.log(`first: ${first.code} ${cause[1]}, ${cause[2]}`);

const later = await Promise.all(
  [
    () => ops.add(x, 1).data(),
    () => ops.matmul(y.reshape([2, 1]), y.reshape([1, 2])).data(),
    () => x.dataSync(),
    () => x.to("cpu").data(),
    () => tensor([1], [1], cuda),
    () => tensor(new Float32Array(1 << 20), [1 << 20], cuda),
    () => createQueue("low", "cuda"),
    () => ops.add(tensor([1], [1], { device: "cpu" }).to("cuda"), 1).data(),
  ].map(failureOf),
);
const alike = later.filter(({ code, message }) => code === "ERR_CUDA" && message.includes(cause[0]!));
console.log(
  alike.length === later.length
    ? "later: every one ERR_CUDA with the first cause"
    : `later: ${later.map(({ code, message }) => `${code} ${message}`).join("\n")}`,
);
const { available, reason } = devices().find(({ name }) => name === "cuda:0")!;
console.log(
  `listed: ${available ? "" : "not "}available, ${reason?.includes(cause[0]!) ? "with" : "without"} the first cause`,
);

// What is left is let go of, and counted down to nothing.
for (const t of [x, y]) t.dispose();
await synchronize().catch(() => {});
await ready().catch(() => {});
emptyCache("cuda");
memory("cuda");
const here = tensor([1, 2], [2], { device: "cpu" });
console.log(`cpu: ${await ops.add(ops.mul(here, 2), 1).data()}`);
