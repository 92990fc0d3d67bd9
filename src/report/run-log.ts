// What a training run has left in its folder: run.json, and a log of its events.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AthanorError } from "../errors.js";
import type { RunManifest, TrainEvent } from "../training/index.js";

/** The file of events that commands write and a report looks for. */
export const LOG_FILE = "log.jsonl";

export interface RunLog {
  folder: string;
  manifest: RunManifest;
  /** Of each step, or of every logged one: what the log has. */
  steps: TrainEvent[];
  evaluations: TrainEvent[];
}

/**
 * Reads run.json and the log (`jsonlLog`) of a run's folder. A last line that is cut off, as a killed run leaves it, is
 * passed over. Rejects with ERR_DATA for a folder without them, and naming file and line for a line that is no event.
 */
export async function readRunLog(folder: string, log = join(folder, LOG_FILE)): Promise<RunLog> {
  const text = await textOf(
    join(folder, "run.json"),
    "the outputFolder of a training run, with run.json in it",
  );
  const manifest = parsed<RunManifest>(text, join(folder, "run.json"));
  requireParts(manifest, join(folder, "run.json"));
  const lines = (await textOf(log, `a log of the run's events (jsonlLog("${log}"))`)).split("\n");
  const complete = lines.slice(0, -1);
  const events = complete.map((line, i) => parsed<TrainEvent>(line, `${log}:${i + 1}`));
  const steps = events.filter(({ type }) => type === "step");
  return {
    folder,
    manifest,
    steps: steps.length > 0 ? steps : events.filter(({ type }) => type === "log"),
    evaluations: events.filter(({ type }) => type === "evaluate"),
  };
}

const PARTS = ["model", "args", "data", "versions", "machine"] as const;

function requireParts(manifest: Partial<RunManifest>, file: string): void {
  const missing = PARTS.find((name) => typeof manifest[name] !== "object" || manifest[name] === null);
  if (missing === undefined) return;
  throw new AthanorError(
    "ERR_DATA",
    `${file}: must be what a training run writes, got one without ${missing}`,
  );
}

async function textOf(file: string, needed: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    const came = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new AthanorError("ERR_DATA", `${file}: needs ${needed}, got ${came}`, { cause });
  }
}

function parsed<T>(text: string, place: string): T {
  try {
    const value = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {}
  const came = text.length > 60 ? `${text.slice(0, 60)}...` : text;
  throw new AthanorError("ERR_DATA", `${place}: must be a JSON object, got ${came}`);
}
