// Places in a model where something can be added to what its own weights give: LoRA to a product (nn/low-rank.ts), an
// adapter to a sub-layer (nn/bottleneck.ts). A layer announces its places as it is made.
import type { Tensor } from "../tensor/tensor.js";
import type { Parameter } from "./parameter.js";

/** x Wᵀ + b with a weight (out, in) of this name without ".weight". */
export class LinearPlace {
  /** x (T, in) and what the weight made of it, (T, out) -> (T, out) */
  addition: { forward(x: Tensor, y: Tensor): Tensor } | undefined;

  constructor(
    readonly name: string,
    readonly weight: Parameter,
  ) {}

  get inSize(): number {
    return this.weight.shape[1];
  }

  get outSize(): number {
    return this.weight.shape[0];
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

  addLinear(name: string, weight: Parameter): LinearPlace {
    const place = new LinearPlace(name, weight);
    this.linear.push(place);
    return place;
  }

  addSublayer(name: string, kind: SublayerPlace["kind"], size: number): SublayerPlace {
    const place = new SublayerPlace(name, kind, size);
    this.sublayers.push(place);
    return place;
  }
}
