// A small training run for scripts: the same losses wherever it runs.
import { customFunction, ops, ready, scope, type Tensor, tensor } from "../engine.js";

const wave = (count: number, seed: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898 + seed * 78.233) * 0.3);

const triple = customFunction({
  forward(context, x) {
    context.save(x);
    return ops.mul(x, 3);
  },
  backward: (_context, dy) => ops.mul(dy!, 3),
});

export class Training {
  readonly #x = tensor(wave(64 * 96, 1), [64, 96]);
  readonly #labels = tensor(
    Int32Array.from({ length: 64 }, (_, i) => i % 10),
    [64],
  );
  readonly #parameters: { parameter: Tensor; m: Tensor; v: Tensor; lr: number; weightDecay: number }[];
  #steps = 0;

  constructor() {
    const shapes = [[256, 96], [256], [10, 256], [10]];
    this.#parameters = shapes.map((shape, i) => {
      const size = shape.reduce((n, d) => n * d, 1);
      return {
        parameter: tensor(wave(size, i + 2), shape, { requiresGrad: true }),
        m: tensor(new Float32Array(size), shape),
        v: tensor(new Float32Array(size), shape),
        lr: 0.01,
        weightDecay: 0.01,
      };
    });
  }

  /** Queues one step. */
  step(): Tensor {
    const [w1, b1, w2, b2] = this.#parameters.map((p) => p.parameter);
    return scope(() => {
      const hidden = triple(ops.linear(this.#x, w1, b1, { activation: "gelu" }));
      const loss = ops.crossEntropy(ops.linear(hidden, w2, b2), this.#labels);
      loss.backward();
      ops.adamw(this.#parameters, { beta1: 0.9, beta2: 0.999, eps: 1e-8, step: ++this.#steps, maxNorm: 1 });
      for (const { parameter } of this.#parameters) parameter.grad = null;
      return loss;
    });
  }

  async run(steps: number): Promise<number[]> {
    const losses: number[] = [];
    for (let i = 0; i < steps; i++) {
      using loss = this.step();
      losses.push(await loss.item());
      await ready();
    }
    return losses;
  }

  dispose(): void {
    this.#x.dispose();
    this.#labels.dispose();
    for (const { parameter, m, v } of this.#parameters) for (const t of [parameter, m, v]) t.dispose();
  }
}
