// Places in a model where something can be added to what its own weights give: LoRA to a product (nn/low-rank.ts), an
// adapter to a sub-layer (nn/bottleneck.ts). A layer announces its places as it is made.
import type { Tensor } from "../tensor/tensor.js";
import type { Parameter } from "./parameter.js";

/** x Wᵀ + b with a weight (out, in) of this name without ".weight"; of a Conv1d x W + b with a weight (in, out). */
export class LinearPlace {
  /** x (T, in) and what the weight made of it, (T, out) -> (T, out) */
  addition: { forward(x: Tensor, y: Tensor): Tensor } | undefined;
  readonly inSize: number;
  readonly outSize: number;

  constructor(
    readonly name: string,
    readonly weight: Parameter,
    /** Whether the weight is declared (in, out): PEFT's fan_in_fan_out. */
    readonly fanInFanOut: boolean,
  ) {
    const [rows, columns] = weight.shape;
    [this.inSize, this.outSize] = fanInFanOut ? [rows, columns] : [columns, rows];
  }

  /** y = x Wᵀ + b with what is added to it */
  complete(x: Tensor, y: Tensor): Tensor {
    return this.addition ? this.addition.forward(x, y) : y;
  }
}

/** What a sub-layer gives, (T, C), before it is added to its input and normalised. */
export class SublayerPlace {
  /** From the sub-layer's output after dropout; `normalized` is what the layer's norm makes of it and its input. */
  adapter: { forward(output: Tensor, normalized: () => Tensor): Tensor } | undefined;

  constructor(
    readonly name: string,
    readonly kind: "attention" | "feedForward",
    readonly size: number,
  ) {}
}

export class Places {
  readonly linear: LinearPlace[] = [];
  readonly sublayers: SublayerPlace[] = [];

  addLinear(name: string, weight: Parameter, fanInFanOut = false): LinearPlace {
    const place = new LinearPlace(name, weight, fanInFanOut);
    this.linear.push(place);
    return place;
  }

  addSublayer(name: string, kind: SublayerPlace["kind"], size: number): SublayerPlace {
    const place = new SublayerPlace(name, kind, size);
    this.sublayers.push(place);
    return place;
  }
}
