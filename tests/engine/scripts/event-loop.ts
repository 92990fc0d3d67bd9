// How long the event loop waits while the engine multiplies matrices as fast as it can.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { ops, ready } from "../engine.js";

const a = ops.uniform([2048, 2048]);
using warm = ops.matmul(a, a);
await warm.data();

const delay = monitorEventLoopDelay({ resolution: 1 });
let turns = 0;
const timer = setInterval(() => turns++, 1);
delay.enable();
let batches = 0;
for (const end = performance.now() + 2000; performance.now() < end; batches++) {
  const results = Array.from({ length: 8 }, () => ops.matmul(a, a));
  const last = results[7].slice(0, 1);
  await last.data();
  for (const t of [...results, last]) t.dispose();
  await ready();
}
delay.disable();
clearInterval(timer);
const milliseconds = (ns: number) => Math.round(ns / 1e4) / 100;
console.log(
  JSON.stringify({
    turns,
    batches,
    p99: milliseconds(delay.percentile(99)),
    maximum: milliseconds(delay.max),
  }),
);
