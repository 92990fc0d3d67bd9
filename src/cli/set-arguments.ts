// `--set key=value`: any argument of the Trainer by its name.
import { InvalidArgumentError } from "commander";

/** Values as JSON where they are JSON, else as they stand; Infinity, for which JSON has no word, too. */
export function setArgument(text: string, before: Record<string, unknown> = {}): Record<string, unknown> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be KEY=VALUE, such as warmupSteps=100.");
  return { ...before, [text.slice(0, at)]: argumentValue(text.slice(at + 1)) };
}

function argumentValue(text: string): unknown {
  if (text === "Infinity") return Number.POSITIVE_INFINITY;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
