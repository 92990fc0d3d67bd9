// Live bytes, exactly: what is disposed of is gone, and a reading has let go when it is settled.
import { strict as assert } from "node:assert";
import { memory, ops, scope, synchronize, tensor } from "../engine.js";

const live = async () => {
  await synchronize();
  return memory().live;
};

const before = await live();
const w = tensor(new Float32Array(4096).fill(0.5), [64, 64], { requiresGrad: true });
for (let step = 0; step < 20; step++) {
  scope(() => {
    const h = ops.linear(w, w, null, { activation: "gelu" });
    ops.mean(ops.mul(h, h)).backward();
  });
  if (step % 3 === 2) w.grad = null;
}
assert.ok((await live()) > before);
w.dispose();
assert.equal(await live(), before);
assert.ok(memory().peak >= memory().live);
console.log("returns to where it was when all is disposed of");

for (let i = 0; i < 50; i++) {
  const x = tensor(new Float32Array(1000), [1000]);
  const reading = x.data();
  x.dispose();
  await reading;
  assert.equal(memory().live, before);
}
console.log("data() is settled when its command has let go");
