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
 * @param x what goes through; where neither it nor another input requires a gradient (everything before is frozen)
 *   the block is run as it is
 * @param others what the block reads beside it, such as offsets or an encoder's output; gradients go to those that
 *   require one
 * @example
 * x = recomputed((input, offsets) => layer.forward(input, offsets), x, batch.offsets);
 */
export function recomputed(
  block: (x: Tensor, ...others: Tensor[]) => Tensor,
  x: Tensor,
  ...others: Tensor[]
): Tensor {
  const inputs = [x, ...others];
  const wanted = inputs.map((input) => input.requiresGrad);
  if (!wanted.includes(true) || !adopt.recording) return block(x, ...others);
  const { seed, calls } = currentGenerator();
  return customFunction({
    forward(context) {
      context.save(...inputs);
      return block(x, ...others);
    },
    backward(context, gradient) {
      if (!gradient) return wanted.flatMap((needs) => (needs ? [null] : []));
      const run = (starts: Tensor[]) =>
        withGenerator(new Generator(seed, calls), () => block(starts[0], ...starts.slice(1)));
      return withGrad(() => gradientsAt(context.saved, wanted, run, gradient));
    },
  })(...inputs.filter((_, i) => wanted[i]));
}

/** The gradients at the wanted inputs alone of what `run` makes of them, summed as a result's gradient is, in its dtype. */
function gradientsAt(
  inputs: readonly Tensor[],
  wanted: readonly boolean[],
  run: (starts: Tensor[]) => Tensor,
  gradient: Tensor,
): (Tensor | null)[] {
  const found: (Tensor | null)[] = inputs.map(() => null);
  const watched = inputs.map((input, i) => {
    if (!wanted[i]) return input;
    const start = input.detach();
    start.requiresGrad = true;
    return customFunction({
      forward: (_, same) => same,
      backward(_, arrived) {
        found[i] = untracked(() => arrived!.detach());
        return null;
      },
    })(start);
  });
  run(watched).backward(gradient);
  for (const arrived of found) if (arrived) adopt.take(arrived); // freed with the scope that this runs in
  if (wanted[0] && !found[0]) {
    throw new AthanorError("ERR_INTERNAL", "recomputed: needed a gradient at the input, got none");
  }
  return found.filter((_, i) => wanted[i]);
}
