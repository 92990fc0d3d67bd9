// Names of models and data sets that are no folders: repositories of the Hugging Face Hub. Imports nothing of the engine.

export { filesBelow } from "./cache.js";
export { pretrainedFolder, type WantedFiles } from "./pretrained.js";
export { type HubOptions, type HubProgress, takeHubOptions } from "./settings.js";
