// Memory of tensors that nobody freed goes when the garbage collector comes by, at any time: before bytes are counted it
// has to have been there.
import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { synchronize } from "../../src/tensor/device.js";

/** Resolves when what is garbage now has been freed. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // What is freed by the first round may let go of more.
  for (let round = 0; round < 3; round++) {
    collect();
    await setImmediate();
  }
  await synchronize();
}
