// What is measured on a GPU: one entry per op and shape, described in words that the PyTorch peer understands too,
// with the bytes and operations that it costs at least.
import { add, attention, crossEntropy, embedding, layerNorm, linear } from "../../src/tensor/ops.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { AdamW } from "../../src/training/optimizers/adamw.js";
import { randomData, randomIntegers } from "../../tests/support/random.js";

export interface Workload {
  /** What the peer runs: "linear", "attention", ... */
  op: string;
  dtype: "f32" | "bf16";
  backward: boolean;
  sizes: Record<string, number>;
  activation?: "none" | "gelu";
  causal?: boolean;
  /** Lengths of the sequences; the peer pads to the longest. */
  lengths?: number[];
  bytes?: number;
  flops?: number;
}

/** A workload that is ready: run() enqueues it once. */
export interface Ready {
  run(): void;
  dispose(): void;
}

const elementBytes = { f32: 4, bf16: 2 };

function gemm(m: number, n: number, k: number, dtype: "f32" | "bf16", activation: "none" | "gelu"): Workload {
  const bytes = (m * k + n * k + m * n) * elementBytes[dtype];
  return {
    ...{ op: "linear", dtype, backward: false, activation, sizes: { m, n, k } },
    ...{ flops: 2 * m * n * k, bytes },
  };
}

function heads(
  lengths: number[],
  headCount: number,
  size: number,
  dtype: "f32" | "bf16",
  options: { causal?: boolean; backward?: boolean },
): Workload {
  const { causal = false, backward = false } = options;
  const pairs = lengths.reduce((sum, t) => sum + t * t, 0) * (causal ? 0.5 : 1);
  const rows = lengths.reduce((sum, t) => sum + t, 0);
  // Forward: QK^T and PV; backward: five products of that size.
  const flops = pairs * headCount * size * (backward ? 14 : 4);
  const bytes = rows * headCount * size * elementBytes[dtype] * (backward ? 12 : 4);
  return {
    op: "attention",
    dtype,
    backward,
    causal,
    lengths,
    sizes: { heads: headCount, size },
    flops,
    bytes,
  };
}

function rows(op: string, count: number, width: number, dtype: "f32" | "bf16", backward: boolean): Workload {
  const passes = op === "layer_norm" ? (backward ? 5 : 2) : backward ? 3 : 1;
  const bytes = passes * count * width * elementBytes[dtype];
  return { op, dtype, backward, sizes: { rows: count, width }, bytes };
}

const equal = (count: number, length: number) => new Array<number>(count).fill(length);
/** Lengths of 32 rows as SST-2 has them: between 3 and 55, most of them short. */
const ragged = Array.from({ length: 32 }, (_, i) => 3 + Math.floor(52 * (i / 31) ** 2));

export const workloads: Workload[] = [
  { op: "copy", dtype: "f32", backward: false, sizes: { count: 1 << 28 }, bytes: 8 * 2 ** 28 },
  ...[4096, 8192].map((n) => gemm(n, n, n, "bf16", "none")),
  gemm(4096, 4096, 4096, "f32", "none"),
  ...[1024, 4096, 12288].flatMap((m) => [
    gemm(m, 3072, 1024, "bf16", "none"),
    gemm(m, 4096, 1024, "bf16", "gelu"),
    gemm(m, 1024, 4096, "bf16", "none"),
  ]),
  ...[64, 128].flatMap((size) =>
    [512, 2048, 4096].flatMap((length) =>
      [false, true].flatMap((causal) =>
        [false, true].map((backward) =>
          heads(equal(Math.max(1, 16384 / length), length), 16, size, "bf16", { causal, backward }),
        ),
      ),
    ),
  ),
  heads(ragged, 12, 64, "bf16", {}),
  heads(ragged, 12, 64, "bf16", { backward: true }),
  ...["layer_norm", "cross_entropy"].flatMap((op) =>
    [false, true].map((backward) =>
      op === "layer_norm" ? rows(op, 12288, 1024, "bf16", backward) : rows(op, 4096, 30522, "bf16", backward),
    ),
  ),
  { op: "embedding", dtype: "bf16", backward: false, sizes: { rows: 30522, width: 1024, count: 12288 } },
  { op: "embedding", dtype: "bf16", backward: true, sizes: { rows: 30522, width: 1024, count: 12288 } },
  { op: "adamw", dtype: "f32", backward: false, sizes: { count: 110_000_000 }, bytes: 28 * 110e6 },
];

/** One small workload for each kind of these. */
export function trialOf(all: readonly Workload[]): Workload[] {
  const small = new Map<string, Workload>();
  for (const { sizes, lengths, bytes: _, flops: __, ...kind } of all) {
    const less = Object.entries(sizes).map(([name, size]) => [
      name,
      name === "size" ? size : Math.min(size, 48),
    ]);
    const shorter = lengths && { lengths: lengths.slice(0, 2).map((length) => Math.min(length, 70)) };
    small.set(JSON.stringify(kind), { ...kind, sizes: Object.fromEntries(less), ...shorter });
  }
  return [...small.values()];
}

type MakeTensor = (shape: number[], seed: number, requiresGrad?: boolean) => Tensor;

/** The op as a function of tensors that `make` gives. */
function call(w: Workload, make: MakeTensor): () => Tensor {
  const { m, n, k, heads: headCount, size, rows: rowCount, width, count } = w.sizes;
  switch (w.op) {
    case "copy": {
      const x = make([count], 1);
      return () => add(x, 0); // reads and writes every element once
    }
    case "linear": {
      const [x, weight, bias] = [make([m, k], 1), make([n, k], 2), make([n], 3)];
      return () => linear(x, weight, bias, { activation: w.activation });
    }
    case "attention": {
      const lengths = w.lengths ?? [];
      const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((sum, t) => sum + t, 0));
      const offsets = tensor(Int32Array.from([0, ...ends]), [ends.length + 1]);
      const shape = [ends.at(-1) ?? 0, headCount * size];
      const [q, key, v] = [make(shape, 1), make(shape, 2), make(shape, 3)];
      return () => attention(q, key, v, { heads: headCount, offsets, causal: w.causal }) as Tensor;
    }
    case "layer_norm": {
      const [x, weight, bias] = [make([rowCount, width], 1), make([width], 2), make([width], 3)];
      return () => layerNorm(x, weight, bias);
    }
    case "cross_entropy": {
      const x = make([rowCount, width], 1);
      const labels = tensor(randomIntegers([rowCount], 2, 0, width), [rowCount]);
      return () => crossEntropy(x, labels);
    }
    case "embedding": {
      const table = make([rowCount, width], 1);
      const ids = tensor(randomIntegers([count], 2, 0, rowCount), [count]);
      return () => embedding([{ table, ids }]);
    }
    default:
      throw new Error(`no workload ${w.op}`);
  }
}

/** Tensors and the call of a workload on the standard device. */
export function prepare(w: Workload): Ready {
  if (w.op === "adamw") return prepareAdamw(w.sizes.count);
  const made: Tensor[] = [];
  const make: MakeTensor = (shape, seed, requiresGrad = w.backward) => {
    const plain = tensor(randomData(shape, seed), shape);
    const t = w.dtype === "bf16" ? plain.to("bf16") : plain;
    if (t !== plain) plain.dispose();
    t.requiresGrad = requiresGrad;
    made.push(t);
    return t;
  };
  const fn = call(w, make);
  const shape = scope(() => noGrad(fn).shape);
  const upstream = w.backward && shape.length > 0 ? make(shape, 9, false) : undefined;
  return {
    run: () => {
      if (!w.backward) return scope(() => void noGrad(fn));
      scope(() => fn().backward(upstream));
      for (const t of made) if (t.requiresGrad) t.grad = null;
    },
    dispose: () => {
      for (const t of made) t.dispose();
    },
  };
}

/** One parameter of so many elements, with a gradient of ones. */
function prepareAdamw(count: number): Ready {
  const parameter = tensor(randomData([count], 1), [count], { requiresGrad: true });
  const optimizer = new AdamW(new Map([["weight", parameter]]), { lr: 1e-3 });
  parameter.grad = tensor(randomData([count], 2), [count]);
  return {
    run: () => scope(() => void optimizer.step({ maxGradNorm: 1 })),
    dispose: () => {
      optimizer.dispose();
      parameter.dispose();
    },
  };
}
