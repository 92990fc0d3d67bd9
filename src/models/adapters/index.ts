export type { Adapter, AdapterOptions } from "./adapter.js";
export { addAdapters, type BottleneckAdapters, type BottleneckOptions } from "./bottleneck.js";
export { loadAdapter } from "./load.js";
export { addLora, type Lora, type LoraOptions } from "./lora.js";
