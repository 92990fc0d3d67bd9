// What the tests of sgd, adagrad and rmsprop share: five steps of torch.optim, replayed.
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { expectClose, fixtureCases, type OpCase } from "./ops.js";

/** A parameter of a fixture as the op takes it, with its states by name. */
export interface ReplayedParameter {
  parameter: Tensor;
  lr: number;
  weightDecay: number;
  /** Whether it has had no gradient so far. */
  first: boolean;
  [state: string]: unknown;
}

export interface Replay {
  /** The value that each state starts with; states that the case does not have are left out. */
  states(meta: OpCase["meta"]): Record<string, number>;
  /** One step (from 1), giving the norm. */
  step(parameters: ReplayedParameter[], meta: OpCase["meta"], step: number): Tensor;
}

export const valuesOf = (t: Tensor | null) => t!.dataSync() as Float32Array;

/** Replays every case of a fixture: parameters, states and norms after each step. */
export async function replayFixture(kernel: string, { states, step: makeStep }: Replay): Promise<void> {
  for (const c of await fixtureCases(kernel)) {
    const get = (name: string) => c.tensors.get(name)!;
    const initial = Object.entries(states(c.meta));
    const entries: ReplayedParameter[] = [0, 1, 2].map((i) => {
      const { data, shape } = get(`param${i}`);
      const full = (value: number) => tensor(new Float32Array(data.length).fill(value), shape);
      const parameter = tensor(data, shape, { requiresGrad: true });
      const own = { parameter, lr: c.meta.lr, weightDecay: c.meta.weight_decay ?? 0, first: true };
      return { ...own, ...Object.fromEntries(initial.map(([name, value]) => [name, full(value)])) };
    });
    for (let step = 1; step <= 5; step++) {
      entries.forEach((e, i) => {
        const gradient = c.tensors.get(`step${step}.grad${i}`);
        e.parameter.grad = gradient ? tensor(gradient.data, gradient.shape) : null;
      });
      const norm = makeStep(entries, c.meta, step);
      expectClose(valuesOf(norm), [c.meta.grad_norms[step - 1]], 1e-6, `${c.case} norm`);
      entries.forEach((e, i) => {
        const label = `${kernel} ${c.case} step ${step}`;
        if (c.tensors.has(`step${step}.grad${i}`)) e.first = false;
        expectClose(valuesOf(e.parameter), get(`step${step}.param${i}`).data, 2e-6, `${label} param${i}`);
        for (const [name] of initial) {
          const expected = c.tensors.get(`step${step}.${name}${i}`);
          if (expected) expectClose(valuesOf(e[name] as Tensor), expected.data, 2e-6, `${label} ${name}${i}`);
        }
      });
    }
  }
}
