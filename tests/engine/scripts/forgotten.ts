// Forgets tensors in a loop. They must be freed by the registry, and the pressure that is reported must bring the
// collector about by itself before gigabytes are held.
import { setImmediate } from "node:timers/promises";
import { engineState, memory, ops, synchronize, tensor } from "../engine.js";

const x = tensor(new Float32Array(1 << 20), [1 << 20]); // 4 MB
for (let i = 0; i < 600; i++) {
  ops.add(x, 1);
  if (i % 10 === 9) await synchronize();
}
const { peak } = memory();
for (let i = 0; i < 50 && engineState().liveHandles > 1; i++) {
  (globalThis as { gc?: () => void }).gc?.();
  await setImmediate();
}
await synchronize();
const { liveHandles } = engineState();
console.log(`peak ${Math.round(peak / 1e6)} MB of 2500 made, ${liveHandles} handles left`);
if (liveHandles === 1 && peak < 1.5e9) console.log("freed all");
else process.exitCode = 1;
