// What is promised: ratios of median times in one run, by workload. The report says of each whether it was met.

/** How many times as long `peer` takes as `ours`, or how much memory ours holds of the peer's. */
export interface Target {
  /** Names of workloads: GROUP/NAME. */
  workloads: RegExp;
  ours: string;
  /** The label of another engine of the workload; or "memory": reading the weights once as fast as the
   * memory gave them just then. */
  peer: string;
  atLeast?: number;
  /** Our peak memory as a share of the peer's. */
  memoryAtMost?: number;
}

export const targets: Target[] = [
  { workloads: /^gemm\/forward (1024|2048|4096)x/, ours: "athanor", peer: "torch", atLeast: 1.05 },
  { workloads: /^gemm\/forward 128x/, ours: "athanor", peer: "torch", atLeast: 1.0 },
  { workloads: /^gemm\/(dx|dw) 2048x/, ours: "athanor", peer: "torch", atLeast: 0.95 },
  { workloads: /^gemm\/forward 1x/, ours: "athanor", peer: "memory", atLeast: 0.9 },
  { workloads: /^gemm\/forward 16x/, ours: "athanor", peer: "memory", atLeast: 0.8 },
  { workloads: /^gemm\/forward 1x|^inference\/1x1$/, ours: "athanor bf16", peer: "athanor", atLeast: 1.5 },
  { workloads: /^gemm\/forward 16x|^inference\/1x16$/, ours: "athanor bf16", peer: "athanor", atLeast: 1.2 },
  // int8 weights belong to a model: a forward pass of 1 and of 16 rows stands for the products in it.
  { workloads: /^inference\/1x1$/, ours: "athanor int8", peer: "athanor", atLeast: 2.5 },
  { workloads: /^inference\/1x16$/, ours: "athanor int8", peer: "athanor", atLeast: 1.8 },

  { workloads: /^inference\/8x128$/, ours: "athanor", peer: "onnxruntime", atLeast: 1.1 },
  { workloads: /^inference\/1x128$/, ours: "athanor", peer: "onnxruntime", atLeast: 1.05 },
  { workloads: /^inference\/1x16$/, ours: "athanor", peer: "onnxruntime", atLeast: 1.0 },
  { workloads: /^inference\/1x16$/, ours: "athanor bf16", peer: "onnxruntime", atLeast: 1.4 },
  { workloads: /^inference\/8x128$/, ours: "athanor int8", peer: "onnxruntime int8", atLeast: 1.5 },
  { workloads: /^inference\/1x128$/, ours: "athanor int8", peer: "onnxruntime int8", atLeast: 1.2 },
  { workloads: /^inference\/banking77 /, ours: "athanor", peer: "onnxruntime", atLeast: 2.5 },
  { workloads: /^inference\/sst2 /, ours: "athanor", peer: "onnxruntime", atLeast: 1.8 },
  { workloads: /^inference\/xquad /, ours: "athanor", peer: "onnxruntime", atLeast: 2 },

  { workloads: /^ops\/attention forward /, ours: "athanor", peer: "torch", atLeast: 1.15 },
  { workloads: /^ops\/attention backward /, ours: "athanor", peer: "torch", atLeast: 1.5 },

  { workloads: /^training\/16x128$/, ours: "athanor", peer: "torch", atLeast: 1.5 },
  { workloads: /^training\/gpt2 /, ours: "athanor", peer: "torch", atLeast: 1.5 },
  { workloads: /^training\/banking77 /, ours: "athanor", peer: "torch", atLeast: 3 },
  { workloads: /^training\/sst2 /, ours: "athanor", peer: "torch", atLeast: 2.2 },
  { workloads: /^training\/xquad /, ours: "athanor", peer: "torch", atLeast: 2.5 },
  { workloads: /^training\//, ours: "athanor", peer: "torch", memoryAtMost: 0.6 },

  { workloads: /^avx2\//, ours: "athanor", peer: "torch", atLeast: 0.95 },
];
