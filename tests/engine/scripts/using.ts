// Tensors that end with their block.
import { engineState, ops, tensor } from "../engine.js";

const state = () => engineState().liveHandles;
{
  using x = tensor([1, 2], [2]);
  using y = ops.add(x, x);
  if (String(y.dataSync()) !== "2,4" || state() !== 2) throw new Error("wrong inside");
}
try {
  using _x = tensor([1], [1]);
  throw new Error("on purpose");
} catch (error) {
  if ((error as Error).message !== "on purpose") throw error;
}
console.log(state() === 0 ? "all freed" : `${state()} left`);
