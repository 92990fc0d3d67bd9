// Bottleneck adapters behind the sub-layers of a model that is loaded: arithmetic in nn/bottleneck.ts.
import { AthanorError } from "../../errors.js";
import { activationOf } from "../../nn/activation.js";
import { type AdapterKind, Bottleneck } from "../../nn/bottleneck.js";
import type { SublayerPlace } from "../../nn/places.js";
import type { Activation } from "../../tensor/ops/linear.js";
import type { Model } from "../model.js";
import { Adapter, type AdapterOptions, requireAttachable } from "./adapter.js";

export interface BottleneckOptions extends AdapterOptions {
  /**
   * "houlsby" (2019): behind attention and feed-forward; "pfeiffer" (2020): behind the feed-forward alone, half the
   * parameters. Default "pfeiffer".
   */
  placement?: AdapterKind;
  /** Width of the waist, from 1; default a sixteenth of the hidden size. */
  size?: number;
  /** As in config.json; default "relu" for pfeiffer, "gelu" for houlsby. */
  activation?: string;
}

const KINDS = ["houlsby", "pfeiffer"] as const;

export class BottleneckAdapters extends Adapter {
  readonly placement: AdapterKind;
  readonly size: number;
  readonly activation: string;
  readonly #places: SublayerPlace[];

  /** @internal Use addAdapters(). */
  constructor(model: Model, options: BottleneckOptions) {
    const { placement = "pfeiffer" } = options;
    if (!KINDS.includes(placement)) throw fault("placement", `one of ${KINDS.join(", ")}`, placement);
    const { sublayers } = model.store.places;
    const places = sublayers.filter(({ kind }) => placement === "houlsby" || kind === "feedForward");
    if (places.length === 0) throw fault("model", "one with layers that adapters can be put into", "none");
    const { size = Math.max(1, Math.floor(places[0].size / 16)) } = options;
    if (!Number.isSafeInteger(size) || size < 1) throw fault("size", "an integer from 1", size);
    const name = options.activation ?? (placement === "pfeiffer" ? "relu" : "gelu");
    const activation = knownActivation(name);
    let added: Bottleneck[] = [];
    super(model, "BottleneckAdapters", options, (store) => {
      added = places.map((place) => new Bottleneck(store, place, { kind: placement, size, activation }));
    });
    places.forEach((place, i) => {
      place.adapter = added[i];
    });
    this.placement = placement;
    this.size = size;
    this.activation = name;
    this.#places = places;
  }

  protected override detach(): void {
    for (const place of this.#places) place.adapter = undefined;
  }

  /** Of our own: PEFT has no such adapters. */
  override config(): Record<string, unknown> {
    return {
      adapter_type: "bottleneck",
      placement: this.placement,
      size: this.size,
      activation: this.activation,
      modules_to_save: this.modulesToSave.length > 0 ? this.modulesToSave : null,
    };
  }
}

/**
 * Adds bottleneck adapters (Houlsby et al. 2019, arXiv:1902.00751; Pfeiffer et al. 2020, arXiv:2005.00052) to a model
 * and freezes all else but the head. At first they change next to nothing.
 *
 * @throws ERR_ARGUMENT for a size of 0, another placement or activation, another adapter that is attached
 * @example
 * const adapters = addAdapters(model, { placement: "houlsby", size: 64 });
 */
export function addAdapters(model: Model, options: BottleneckOptions = {}): BottleneckAdapters {
  requireAttachable("addAdapters", model);
  return new BottleneckAdapters(model, options);
}

function knownActivation(name: string): Activation {
  try {
    return activationOf(name, "activation");
  } catch (cause) {
    throw new AthanorError("ERR_ARGUMENT", (cause as Error).message.replace("config", "addAdapters"), {
      cause,
    });
  }
}

function fault(name: string, needed: string, came: unknown): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `addAdapters: ${name} must be ${needed}, got ${String(came)}`);
}
