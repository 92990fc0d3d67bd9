// Single ops at BERT-base's sizes, against PyTorch's functions of the same name.
import type { AttentionTask, OpTask, Task } from "../engines/tasks.js";
import type { Workload } from "./workload.js";

function against(name: string, task: Task, work: { flops?: number; bytes?: number }): Workload {
  return {
    name: `ops/${name}`,
    runners: [
      { engine: "athanor", task },
      { engine: "torch", task },
    ],
    compareOutputs: true,
    ...work,
  };
}

function attention(pass: AttentionTask["pass"], batch: number, length: number): Workload {
  const heads = 12;
  const products = pass === "forward" ? 2 : 5;
  const flops = products * 2 * batch * heads * length * length * 64;
  return against(
    `attention ${pass} ${batch}x${length}`,
    { kind: "attention", pass, batch, length, heads },
    { flops },
  );
}

/** `floats` are what the pass must read and write at least, in multiples of the input. */
function rowOp(op: OpTask["op"], shape: [number, number], pass: OpTask["pass"], floats: number): Workload {
  const name = `${op} ${pass} ${shape.join("x")}`;
  return against(name, { kind: "op", op, shape, pass }, { bytes: 4 * floats * shape[0] * shape[1] });
}

export function opWorkloads(): Workload[] {
  const sizes = [
    [8, 128],
    [8, 384],
  ];
  return [
    ...sizes.map(([batch, length]) => attention("forward", batch, length)),
    ...sizes.map(([batch, length]) => attention("backward", batch, length)),
    // Of 2048 to 4096 tokens; no tensor is so large that PyTorch gets it from the system anew for each call.
    rowOp("layer_norm", [4096, 768], "forward", 2),
    rowOp("layer_norm", [4096, 768], "backward", 3),
    rowOp("add_layer_norm", [4096, 768], "forward", 3),
    rowOp("add_layer_norm", [4096, 768], "backward", 4),
    rowOp("gelu", [2048, 3072], "forward", 2),
    rowOp("gelu", [2048, 3072], "backward", 3),
    rowOp("softmax", [24576, 128], "forward", 2),
    rowOp("softmax", [24576, 128], "backward", 3),
    rowOp("cross_entropy", [256, 30522], "forward", 1),
    rowOp("cross_entropy", [256, 30522], "backward", 2),
    rowOp("embedding", [4096, 768], "forward", 2),
    // The gradient of BERT's three tables is written whole.
    against(
      "embedding backward 4096x768",
      { kind: "op", op: "embedding", shape: [4096, 768], pass: "backward" },
      { bytes: 4 * 768 * (4096 + 30522 + 514) },
    ),
    // 20 M parameters: reads the parameter, its gradient and moments, writes all but the gradient
    rowOp("adamw", [20, 1_000_000], "forward", 7),
  ];
}
