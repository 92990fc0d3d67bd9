// to_device: from the CPU to itself, which is two copies; to a GPU and back where there is one.
import { devices, synchronize } from "../../src/tensor/device.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { copyToDevice, tensor } from "../../src/tensor/tensor.js";
import { randomData } from "../../tests/support/random.js";
import { bench } from "../support/runner.js";

const shape = [4096, 768];
for (const { name, available } of devices()) {
  if (!available) continue;
  const x = tensor(randomData(shape, 1), shape, { device: "cpu" });
  await bench({
    op: "to_device",
    variant: `cpu to ${name}`,
    shape,
    dtype: "f32",
    bytes: 4 * 4 * shape[0] * shape[1],
    run: async () => {
      scope(() => void noGrad(() => copyToDevice(x, name, 0)));
      await synchronize();
    },
  });
  x.dispose();
}
