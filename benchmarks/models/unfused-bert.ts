// BERT's masked LM with one op for each function, as a framework without fused ops runs it: what our layers are
// counted against. It uses the parameters of a model of ours and gives the same loss, but for dropout's masks.
import type { Batch, Model } from "../../src/models/index.js";
import { attention } from "../../src/tensor/ops/attention.js";
import { add, gelu, mul } from "../../src/tensor/ops/elementwise.js";
import { embedding, linear } from "../../src/tensor/ops/linear.js";
import { crossEntropy } from "../../src/tensor/ops/loss.js";
import { dropout, layerNorm } from "../../src/tensor/ops/norm.js";
import { adamw } from "../../src/tensor/ops/optimizer.js";
import { noGrad, untracked } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";

const [heads, p, eps] = [12, 0.1, 1e-12];

/** The loss of a masked-LM model of BERT-base's sizes in training. */
export function unfusedLoss(model: Model, batch: Batch): Tensor {
  const parameters = model.parameters();
  const get = (name: string) => parameters.get(name)!;
  const dense = (x: Tensor, name: string) => linear(x, get(`${name}.weight`), get(`${name}.bias`));
  const norm = (x: Tensor, name: string) => layerNorm(x, get(`${name}.weight`), get(`${name}.bias`), { eps });

  const table = (name: string, ids: Tensor) =>
    embedding([{ table: get(`bert.embeddings.${name}_embeddings.weight`), ids }]);
  const words = table("word", batch.inputIds);
  const sum = add(add(words, table("position", batch.positionIds)), table("token_type", batch.tokenTypeIds));
  let x = dropout(norm(sum, "bert.embeddings.LayerNorm"), p);
  for (let i = 0; i < 12; i++) {
    const name = `bert.encoder.layer.${i}`;
    const [q, k, v] = ["query", "key", "value"].map((part) => dense(x, `${name}.attention.self.${part}`));
    const attended = attention(q, k, v, { heads, offsets: batch.offsets, dropout: p });
    const output = dropout(dense(attended, `${name}.attention.output.dense`), p);
    const middle = norm(add(x, output), `${name}.attention.output.LayerNorm`);
    const inner = gelu(dense(middle, `${name}.intermediate.dense`));
    x = norm(add(middle, dropout(dense(inner, `${name}.output.dense`), p)), `${name}.output.LayerNorm`);
  }
  const transform = "cls.predictions.transform";
  const features = norm(gelu(dense(x, `${transform}.dense`)), `${transform}.LayerNorm`);
  const logits = linear(features, get("bert.embeddings.word_embeddings.weight"), get("cls.predictions.bias"));
  return crossEntropy(logits, batch.labels!);
}

let moments: Map<string, { m: Tensor; v: Tensor }> | undefined;

/** Norm, scaling and update for each parameter by itself. */
export function unfusedStep(model: Model): void {
  moments ??= untracked(() => {
    const zeros = (t: Tensor) => tensor(new Float32Array(t.shape.reduce((n, size) => n * size, 1)), t.shape);
    return new Map([...model.parameters()].map(([name, t]) => [name, { m: zeros(t), v: zeros(t) }]));
  });
  const options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, step: 1 };
  for (const [name, parameter] of model.parameters()) {
    // The update reads the norm's gradients once more, which stands for the sweep that finds the norm.
    noGrad(() => {
      parameter.grad = mul(parameter.grad!, 0.5);
    });
    adamw([{ parameter, ...moments!.get(name)!, lr: 0, weightDecay: 0 }], options);
  }
}
