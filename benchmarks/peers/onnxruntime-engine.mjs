// ONNX Runtime for Node as an engine of the benchmark driver: BERT inference, rows padded to the longest of their
// batch. The requests are those of benchmarks/engines/tasks.ts. Of the model files that are given for a type (as
// exported, and with the fusions of onnxruntime.transformers) the one that is faster on the task at hand is kept.
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { InferenceSession, Tensor } from "onnxruntime-node";

const files = { f32: ["model.onnx", "fused.onnx"], int8: ["model-int8.onnx", "fused-int8.onnx"] };
const trialMilliseconds = 1500;
const trialRuns = 5;

function padded({ ids, types }) {
  const longest = Math.max(...ids.map((row) => row.length));
  const shape = [ids.length, longest];
  const make = (value) => {
    const data = new BigInt64Array(ids.length * longest);
    ids.forEach((row, b) => {
      for (let i = 0; i < row.length; i++) data[b * longest + i] = BigInt(value(b, i));
    });
    return new Tensor("int64", data, shape);
  };
  return {
    lengths: ids.map((row) => row.length),
    feeds: {
      input_ids: make((b, i) => ids[b][i]),
      attention_mask: make(() => 1),
      token_type_ids: make((b, i) => types?.[b]?.[i] ?? 0),
    },
  };
}

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

// The best of up to five runs, after one to warm up; long runs need no warming up.
async function trial(session, batches) {
  const run = async () => {
    for (const { feeds } of batches) await session.run(feeds);
  };
  let total = await timed(run);
  let best = total;
  for (let i = 0; i < trialRuns && total < trialMilliseconds; i++) {
    const ms = await timed(run);
    best = Math.min(best, ms);
    total += ms;
  }
  return best;
}

async function load({ kind, folder, batches: file, dtype }, threads) {
  if (kind !== "inference" || !(dtype in files)) throw new Error(`not a task of this peer: ${kind} ${dtype}`);
  const batches = JSON.parse(await readFile(file, "utf8")).map(padded);
  let best;
  const options = { intraOpNumThreads: threads, logSeverityLevel: 3 };
  const found = files[dtype].filter((name) => existsSync(join(folder, "onnx", name)));
  if (found.length === 0) throw new Error(`no ONNX model of type ${dtype} in ${folder}`);
  for (const name of found) {
    const session = await InferenceSession.create(join(folder, "onnx", name), options);
    const ms = await trial(session, batches);
    if (best === undefined || ms < best.ms) {
      await best?.session.release();
      best = { session, ms, name };
    } else {
      await session.release();
    }
  }
  return { session: best.session, batches, note: best.name };
}

// The real rows of the hidden states, then the pooler's output, batch after batch.
async function outputOf({ session, batches }) {
  const parts = [];
  for (const { feeds, lengths } of batches) {
    const result = await session.run(feeds);
    const { data, dims } = result.last_hidden_state;
    const row = dims[1] * dims[2];
    for (const [b, length] of lengths.entries()) {
      parts.push(data.subarray(b * row, b * row + length * dims[2]));
    }
    parts.push(result.pooler_output.data);
  }
  return Buffer.concat(parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)));
}

let loaded;

async function answer(request) {
  if (request.command === "load") {
    await loaded?.session.release();
    loaded = undefined;
    loaded = await load(request.task, request.threads);
    return { ok: true, note: loaded.note };
  }
  if (request.command === "output") {
    await writeFile(request.file, await outputOf(loaded));
    return { ok: true };
  }
  const ms = await timed(async () => {
    for (let i = 0; i < request.repeats; i++) {
      for (const { feeds } of loaded.batches) await loaded.session.run(feeds);
    }
  });
  return { ms: ms / request.repeats };
}

for await (const line of createInterface({ input: process.stdin })) {
  let reply;
  try {
    reply = await answer(JSON.parse(line));
  } catch (error) {
    reply = { error: { code: error.code ?? "ERROR", message: error.message } };
  }
  console.log(JSON.stringify(reply));
}
