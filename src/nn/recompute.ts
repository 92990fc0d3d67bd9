// Gradient checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost"): a block keeps its input
// alone, and backward computes it again, with the same dropout. The gradients have the bits that they have without.
import { AthanorError } from "../errors.js";
import { customFunction } from "../tensor/custom-function.js";
import { currentGenerator, Generator, withGenerator } from "../tensor/random.js";
import { untracked, withGrad } from "../tensor/scope.js";
import { adopt, type Tensor } from "../tensor/tensor.js";

/**
 * `block(x, ...others)`, of which only x and others are kept for backward.
 *
 * @param block made of ops and parameters, which must not change before backward; gives a tensor of x's queue
 * @param x the only input that a gradient goes to; where it requires none (everything before is frozen) the block is
 *   run as it is
 * @param others what the block reads beside it, such as offsets
 * @example
 * x = recomputed((input, offsets) => layer.forward(input, offsets), x, batch.offsets);
 */
export function recomputed(
  block: (x: Tensor, ...others: Tensor[]) => Tensor,
  x: Tensor,
  ...others: Tensor[]
): Tensor {
  if (!x.requiresGrad || !adopt.recording) return block(x, ...others);
  const { seed, calls } = currentGenerator();
  return customFunction({
    forward(context, input) {
      context.save(input, ...others);
      return block(input, ...others);
    },
    backward(context, gradient) {
      if (!gradient) return null;
      const [input, ...rest] = context.saved;
      const run = (start: Tensor) => withGenerator(new Generator(seed, calls), () => block(start, ...rest));
      return withGrad(() => gradientAt(input, run, gradient));
    },
  })(x);
}

/** The gradient at `input` of what `run` makes of it, summed as a result's gradient is, in its own dtype. */
function gradientAt(input: Tensor, run: (start: Tensor) => Tensor, gradient: Tensor): Tensor {
  let found: Tensor | undefined;
  const start = input.detach();
  start.requiresGrad = true;
  const watched = customFunction({
    forward: (_, same) => same,
    backward(_, arrived) {
      found = untracked(() => arrived!.detach());
      return null;
    },
  })(start);
  run(watched).backward(gradient);
  if (!found) throw new AthanorError("ERR_INTERNAL", "recomputed: needed a gradient at the input, got none");
  adopt.take(found); // freed with the scope that this runs in
  return found;
}
