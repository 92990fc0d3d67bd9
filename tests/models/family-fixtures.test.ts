// Every family and head against numbers of Transformers 5.18.0: outputs, loss, every gradient, ten AdamW steps.
import { describe, expect, test } from "@jest/globals";
import { ops } from "../../src/index.js";
import type { Batch } from "../../src/models/batch.js";
import type { Model, ModelOutput } from "../../src/models/model.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { AdamW } from "../../src/training/optimizers/adamw.js";
import { autoClassOf } from "../support/auto-classes.js";
import {
  encoderOutputsOf,
  examplesOf,
  type ModelCase,
  modelCase,
  modelCases,
  modelFolder,
  unpadded,
} from "../support/model-fixtures.js";
import { expectClose } from "../support/ops.js";

const outputTolerance = 2e-5; // absolute
const gradientTolerance = 2e-5; // of the tensor's largest element
const lossTolerance = 2e-5; // relative
const normTolerance = 1e-6; // relative

const cases = modelCases().map((name) => ({ name, auto: autoClassOf(name) }));

/** The outputs of a case, with our names for them: all but the loss and the hidden states. */
function outputNames(c: ModelCase): [theirs: string, ours: keyof ModelOutput][] {
  const names = [...c.tensors.keys()].flatMap((key) => key.match(/^output\.(\w+)$/)?.[1] ?? []);
  const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  const own = names.filter((name) => name !== "loss" && !name.startsWith("grad_of_"));
  return own.map((name) => [name, camelCase(name) as keyof ModelOutput]);
}

/** Values at real tokens: token-level outputs lose their padding, others are as they are. */
function expected(c: ModelCase, name: string): number[] {
  const { shape, data } = c.tensors.get(`output.${name}`)!;
  const ids = c.tensors.get("input.input_ids")!.shape;
  const flat = ids.length === 3 ? [ids[0] * ids[1], ids[2]] : ids;
  const tokenLevel = shape.length >= 2 && shape[0] === flat[0] && shape[1] === flat[1];
  return tokenLevel ? unpadded(c, `output.${name}`) : data;
}

function expectWithin(
  actual: ArrayLike<number>,
  wanted: readonly number[],
  tolerance: number,
  label: string,
): void {
  expect(actual.length).toBe(wanted.length);
  let worst = 0;
  for (let i = 0; i < wanted.length; i++) worst = Math.max(worst, Math.abs(actual[i] - wanted[i]));
  if (!(worst <= tolerance)) throw new Error(`${label}: off by ${worst}, allowed ${tolerance}`);
}

/** The loss of the case: the model's own, or for the bare model the sum of outputs times upstream. */
function lossOf(c: ModelCase, output: ModelOutput): Tensor {
  if (output.loss) return output.loss;
  const parts = outputNames(c).map(([theirs, ours]) => {
    const t = output[ours] as Tensor;
    return ops.sum(ops.mul(t, upstream(c, theirs, t)));
  });
  return parts.reduce((sum, part) => ops.add(sum, part));
}

function upstream(c: ModelCase, name: string, like: Tensor): Tensor {
  const data =
    name === "last_hidden_state" ? unpadded(c, `upstream.${name}`) : c.tensors.get(`upstream.${name}`)!.data;
  return tensor(data, like.shape);
}

/** A step's loss with its gradients left in the parameters; the bare model is free of the forward's scope. */
function forwardAndBackward(c: ModelCase, model: Model, batch: Batch): number {
  return scope(() => {
    const loss = lossOf(c, model.forward(batch, { encoderOutputs: encoderOutputsOf(c) }));
    loss.backward();
    return loss.dataSync()[0];
  });
}

function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum);
}

describe.each(cases)("$name (transformers 5.18.0, torch 2.13.0)", ({ name, auto }) => {
  test("loads without a word of complaint", async () => {
    const reports: unknown[] = [];
    const model = await auto.fromPretrained(modelFolder(name), {
      onReport: (report) => reports.push(report),
    });
    const c = await modelCase(name);
    expect(reports).toEqual([]);
    expect(model.architecture).toBe(c.class);
    expect(new Map([...model.parameters()].map(([key, t]) => [key, t.shape]))).toEqual(
      new Map(Object.entries(c.parameters)),
    );
    model.dispose();
  });

  test("outputs, hidden states and loss", async () => {
    const c = await modelCase(name);
    const model = await auto.fromPretrained(modelFolder(name));
    const batch = model.collate(examplesOf(c));
    const encoderOutputs = encoderOutputsOf(c);
    const output = noGrad(() => model.forward(batch, { hiddenStates: true, encoderOutputs }));
    for (const [theirs, ours] of outputNames(c)) {
      const t = output[ours] as Tensor;
      expectWithin(await t.data(), expected(c, theirs), outputTolerance, theirs);
    }
    for (const [i, hidden] of output.hiddenStates!.entries()) {
      expectWithin(
        await hidden.data(),
        expected(c, `hidden_states.${i}`),
        outputTolerance,
        `hidden_states.${i}`,
      );
    }
    const loss = await noGrad(() => lossOf(c, output)).item();
    expect(Math.abs(loss - c.loss) / Math.abs(c.loss)).toBeLessThanOrEqual(lossTolerance);
    model.dispose();
  });

  test("every gradient", async () => {
    const c = await modelCase(name);
    const model = await auto.fromPretrained(modelFolder(name));
    forwardAndBackward(c, model, model.collate(examplesOf(c)));
    const gradientNorm = c.training.grad_norm[0];
    for (const [parameter, t] of model.parameters()) {
      if (c.without_gradient?.includes(parameter)) {
        expect(t.grad).toBeNull();
        continue;
      }
      const wanted = c.tensors.get(`grad.${parameter}`)!.data;
      const actual = t.grad ? await t.grad.data() : new Float32Array(wanted.length);
      if (c.gradient_is_rounding_noise.includes(parameter)) {
        expectWithin(actual, wanted, 1e-5 * gradientNorm, parameter);
      } else {
        expectClose(actual, wanted, gradientTolerance, parameter);
      }
    }
    model.dispose();
  });

  test("ten AdamW steps", async () => {
    const c = await modelCase(name);
    const { training } = c;
    const model = await auto.fromPretrained(modelFolder(name));
    const batch = model.collate(examplesOf(c));
    const optimizer = new AdamW(model.parameters(), {
      lr: training.lr[0],
      betas: training.betas,
      eps: training.eps,
      weightDecay: training.weight_decay,
    });
    const decays = optimizer.weightDecays();
    const undecayed = [...decays].filter(([, decay]) => decay === 0).map(([parameter]) => parameter);
    expect(undecayed.sort()).toEqual([...c.no_weight_decay].sort());
    for (const [step, lr] of training.lr.entries()) {
      const loss = forwardAndBackward(c, model, batch);
      expect(Math.abs(loss / training.loss[step] - 1)).toBeLessThanOrEqual(lossTolerance);
      optimizer.lr = lr;
      const gradNorm = await optimizer.step({ maxGradNorm: training.clip_grad_norm }).gradNorm.item();
      expect(Math.abs(gradNorm - training.grad_norm[step]) / training.grad_norm[step]).toBeLessThanOrEqual(
        lossTolerance,
      );
      optimizer.zeroGrad();
    }
    const after = forwardAndBackward(c, model, batch);
    expect(Math.abs(after / training.loss_after - 1)).toBeLessThanOrEqual(lossTolerance);
    for (const [parameter, t] of model.parameters()) {
      if (c.gradient_is_rounding_noise.includes(parameter)) continue;
      const wanted = training.parameter_norm_after[parameter];
      const difference = Math.abs(norm(await t.data()) - wanted) / wanted;
      if (!(difference <= normTolerance)) throw new Error(`${parameter}: norm off by ${difference}`);
    }
    model.dispose();
  });
});
