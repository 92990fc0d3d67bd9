// Layers on their own, without a model around them.
import { getEngine } from "../../src/native/load.js";
import { ParameterStore } from "../../src/nn/parameter.js";
import { Generator } from "../../src/tensor/random.js";
import { scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";

/** Runs `use` with a layer whose parameters have memory and fresh values; all is freed afterwards. */
export function withStore<Layer, Result>(
  make: (store: ParameterStore) => Layer,
  use: (layer: Layer, store: ParameterStore) => Result,
  seed = 1,
): Result {
  const { native } = getEngine();
  const device = scope(() => tensor([0], [1]).device);
  const store = new ParameterStore();
  const layer = make(store);
  const queue = native.createQueue(device, 1);
  store.materialize(device, queue);
  store.initialize(() => true, new Generator(seed), queue);
  const finish = () => {
    store.dispose();
    native.removeQueue(queue);
  };
  let result: Result;
  try {
    result = use(layer, store);
  } catch (error) {
    finish();
    throw error;
  }
  if (result instanceof Promise) return result.finally(finish) as Result;
  finish();
  return result;
}
