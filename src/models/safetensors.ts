// The safetensors format, without the engine: headers, whole files, writing.

export type { SafetensorsDType } from "./safetensors-dtype.js";
export { readSafetensorsHeader, type SafetensorsEntry, type SafetensorsFile } from "./safetensors-header.js";
export { readSafetensors, type SafetensorsData, type SafetensorsTensor } from "./safetensors-values.js";
export { type SafetensorsSource, writeSafetensors } from "./safetensors-write.js";
