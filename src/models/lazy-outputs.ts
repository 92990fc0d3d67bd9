// Outputs that cost much and are seldom wanted: made when they are first read.
import { noGrad } from "../tensor/scope.js";
import { adopt, type Tensor } from "../tensor/tensor.js";

/**
 * Gives `output` the named properties, all the same tensor, which `make` makes when one of them is first read:
 * with a gradient if recording is on now, and owned by the scope that reads it. Until then they are not
 * enumerable, so that who frees or copies an output does not make them; then they are properties like others.
 */
export function makeWhenRead(output: object, names: readonly string[], make: () => Tensor): void {
  const recording = adopt.recording;
  const read = (): Tensor => {
    const made = recording ? make() : noGrad(make);
    for (const name of names) {
      Object.defineProperty(output, name, {
        value: made,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return made;
  };
  for (const name of names) {
    Object.defineProperty(output, name, { get: read, enumerable: false, configurable: true });
  }
}
