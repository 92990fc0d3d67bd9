// A differentiable step written in TypeScript.
import { AthanorError } from "../errors.js";
import { getEngine } from "../native/load.js";
import { noGrad, scope } from "./scope.js";
import { handles, type Tensor } from "./tensor.js";

export interface CustomFunction {
  /** Computes the outputs with ops; nothing is recorded inside. `save` keeps tensors for backward. */
  forward(context: CustomContext, ...inputs: Tensor[]): Tensor | Tensor[];
  /**
   * From the gradients of the outputs (null where none arrived) to those of the inputs (null for none). Both
   * functions run in a scope of their own: what they make is freed, what they return is taken over.
   */
  backward(context: CustomContext, ...gradients: (Tensor | null)[]): Tensor | null | (Tensor | null)[];
}

export interface CustomContext {
  /** What forward saved; freed when the graph is. */
  readonly saved: Tensor[];
  save(...tensors: Tensor[]): void;
}

let lastId = 0;

/**
 * A function of tensors with a gradient of its own making.
 *
 * @example
 * const square = customFunction({
 *   forward(context, x) { context.save(x); return ops.mul(x, x); },
 *   backward(context, dy) { return ops.mul(ops.mul(context.saved[0], 2), dy!); },
 * });
 */
export function customFunction(definition: CustomFunction): (...inputs: Tensor[]) => Tensor {
  if (typeof definition?.forward !== "function" || typeof definition?.backward !== "function") {
    throw new AthanorError("ERR_ARGUMENT", "customFunction: needed { forward, backward }, both functions");
  }
  return (...inputs) => {
    const { native, stacks, customFunctions } = getEngine();
    const inputHandles = inputs.map((t, i) => handles.require(t, "customFunction", `input ${i}`));
    const context: CustomContext = {
      saved: [],
      save(...tensors) {
        // Handles of their own, so that a scope's end does not take them away; freed with the node.
        for (const t of tensors) {
          context.saved.push(
            handles.wrapUntracked(native.detach(handles.require(t, "customFunction", "saved"))),
          );
        }
      },
    };
    // Handles of their own: what forward or backward made is freed with its scope, what they return may be
    // somebody's (an input, a saved tensor).
    const detached = (answer: unknown, name: string): number[] =>
      (Array.isArray(answer) ? answer : [answer]).map((t) =>
        t === null ? 0 : native.detach(handles.require(t, "customFunction", name)),
      );
    const release = () => {
      for (const t of context.saved) t.dispose();
    };
    const id = ++lastId;
    customFunctions.set(id, {
      backward(gradientHandles) {
        return scope(() =>
          noGrad(() => {
            const gradients = gradientHandles.map((handle) => (handle === 0 ? null : handles.wrap(handle)));
            return detached(definition.backward(context, ...gradients), "gradient");
          }),
        );
      },
      release,
    });
    let outputHandles: number[];
    try {
      outputHandles = scope(() => noGrad(() => detached(definition.forward(context, ...inputs), "output")));
    } catch (error) {
      customFunctions.delete(id);
      release();
      throw error;
    }
    stacks.next(true);
    let recorded: number[];
    try {
      recorded = native.recordCustom(id, Float64Array.from(inputHandles), Float64Array.from(outputHandles));
    } finally {
      for (const handle of outputHandles) native.release(handle);
    }
    const results = recorded.map((handle) => handles.wrap(handle));
    return (results.length === 1 ? results[0] : results) as Tensor;
  };
}
