// Options of the tasks that generate text, for the table of tasks.
import type { TaskEntry, TaskSettings } from "../entry.js";

/** Of `model.generate`, under the names of the command line. */
export const generationOptions: TaskEntry["options"] = [
  {
    name: "maxNewTokens",
    kind: "integer",
    elsewhere: true,
    description: "most tokens to generate (default: the model's generation_config.json, else 20)",
  },
  { name: "numBeams", kind: "integer", elsewhere: true, description: "beams; 1 is greedy search" },
  {
    name: "lengthPenalty",
    kind: "number",
    elsewhere: true,
    description: "with beams: above 0 for longer texts",
  },
  {
    name: "noRepeatNgramSize",
    kind: "integer",
    elsewhere: true,
    description: "no n-gram of this size comes twice",
  },
  {
    name: "doSample",
    kind: "flag",
    elsewhere: true,
    description: "draw tokens instead of taking the likeliest",
  },
  { name: "temperature", kind: "number", elsewhere: true, description: "when drawing: above 1 flattens" },
  {
    name: "topP",
    kind: "number",
    elsewhere: true,
    description: "when drawing: of the tokens with this probability",
  },
];

/** Options of pairs of texts. */
export const pairOptions: TaskEntry["options"] = [
  {
    name: "prefix",
    kind: "text",
    default: "",
    description: 'what stands before every source, as "summarize: " for T5',
  },
  { name: "maxSourceLength", kind: "integer", description: "most tokens of a source; longer ones are cut" },
  { name: "maxTargetLength", kind: "integer", description: "most tokens of a target to learn from" },
];

/** The `generation` of a task's factory. */
export function generationOf(settings: TaskSettings): { generation?: Record<string, unknown> } {
  const given = generationOptions.filter(({ name }) => settings[name] !== undefined);
  if (given.length === 0) return {};
  return { generation: Object.fromEntries(given.map(({ name }) => [name, settings[name]])) };
}
