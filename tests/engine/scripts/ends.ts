// Ends of a process with work queued: node ends.js unawaited | pending | exit | throw | reject
import { ops, ready, tensor } from "../engine.js";

const size = 1024;
const a = ops.uniform([size, size]);
let b = a;
const work = { pending: 3, reject: 3 }[process.argv[2]] ?? 2000;
for (let i = 0; i < work; i++) b = ops.mul(ops.matmul(a, b), 1e-3);

switch (process.argv[2]) {
  case "pending":
    b.slice(0, 1)
      .data()
      .then((row) => {
        if (row.length === size) console.log("data arrived");
        return ready().then(() => console.log("ready"));
      });
    break;
  case "exit":
    b.data();
    setTimeout(() => process.exit(7), 20);
    break;
  case "throw":
    b.data();
    setTimeout(() => {
      throw new Error("on purpose");
    }, 20);
    break;
  case "reject":
    ops.gatherRows(tensor([1], [1, 1]), tensor(Int32Array.of(4), [1])).data();
    break;
}
if (process.argv[2] === "unawaited" || process.argv[2] === "pending") console.log("queued");
