// The journal of a search: one JSON object a line, on the disk before the search goes on. A process that is killed
// while it writes leaves at most a last line that is cut, which is taken off when the search is resumed.
import { type FileHandle, open, readFile, rm } from "node:fs/promises";
import { Lock } from "./lock.js";
import { fileFault, type Parameters, type SearchSpace, searchFault } from "./space.js";
import type { Direction, Trial } from "./trial.js";

/** What a resumed search must have in common with the one before. */
export interface JournalHeader {
  type: "search";
  version: 1;
  space: SearchSpace;
  sampler: unknown;
  pruner: unknown;
  direction: Direction;
  seed: number;
}

type Line =
  | JournalHeader
  | { type: "start"; number: number; parameters: Parameters; startedAt: string }
  | ({ type: "end" } & Trial);

export class Journal {
  private constructor(
    readonly file: string,
    private readonly handle: FileHandle,
    private readonly lock: Lock,
    /** Those that are over, in order. */
    readonly trials: Trial[],
  ) {}

  /**
   * Begins a journal, or goes on with it.
   *
   * Rejects with ERR_ARGUMENT for a file that is there and not to be resumed; with ERR_CHECKPOINT for one that cannot be
   * written, that another process uses, that is no journal, is damaged before its last line, or is another search's.
   */
  static async open(file: string, header: JournalHeader, resume: boolean): Promise<Journal> {
    const lock = await Lock.take(file);
    let handle: FileHandle | undefined;
    try {
      handle = await openFile(file);
      const bytes = await handle.readFile();
      if (bytes.length > 0 && !resume) {
        throw searchFault("journal", "a file that is not there yet, or come with resume: true", file);
      }
      const { lines, length } = wholeLines(file, bytes);
      headerOf(file, bytes, lines);
      if (length < bytes.length) await handle.truncate(length);
      const journal = new Journal(file, handle, lock, trialsOf(file, lines, header));
      if (lines.length === 0) await journal.#write(header);
      return journal;
    } catch (error) {
      await handle?.close();
      await lock.release();
      throw error;
    }
  }

  async start(number: number, parameters: Parameters): Promise<void> {
    await this.#write({ type: "start", number, parameters, startedAt: new Date().toISOString() });
  }

  async end(trial: Trial): Promise<void> {
    await this.#write({ type: "end", ...trial });
    this.trials.push(trial);
  }

  async close(): Promise<void> {
    await this.handle.close();
    await this.lock.release();
  }

  async #write(line: Line): Promise<void> {
    try {
      await this.handle.appendFile(`${JSON.stringify(line)}\n`);
      await this.handle.datasync();
    } catch (cause) {
      throw fileFault(this.file, "a file that can be written", (cause as NodeJS.ErrnoException).code, cause);
    }
  }
}

/** Gives a journal up, which need not be there. Rejects with ERR_CHECKPOINT where another process uses it. */
export async function removeJournal(file: string): Promise<void> {
  const lock = await Lock.take(file);
  try {
    await rm(file, { force: true });
  } finally {
    await lock.release();
  }
}

/** What a journal holds. */
export interface JournalContents {
  space: SearchSpace;
  direction: Direction;
  trials: Trial[];
}

/**
 * Reads a journal, also of a search that is under way. Rejects with ERR_CHECKPOINT for a file that is none.
 *
 * @example
 * const { trials, space, direction } = await readJournal("trials.jsonl");
 */
export async function readJournal(file: string): Promise<JournalContents> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    throw fileFault(file, "a journal of a search", (cause as NodeJS.ErrnoException).code, cause);
  }
  const { lines } = wholeLines(file, bytes);
  const header = headerOf(file, bytes, lines);
  if (!header) throw fileFault(file, "a journal of a search", "one without its first line");
  return { space: header.space, direction: header.direction, trials: trialsOf(file, lines, header) };
}

async function openFile(file: string): Promise<FileHandle> {
  try {
    return await open(file, "a+");
  } catch (cause) {
    throw fileFault(file, "a file that can be written", (cause as NodeJS.ErrnoException).code, cause);
  }
}

/** The lines that are whole, and how many bytes they take. */
function wholeLines(file: string, bytes: Buffer): { lines: Line[]; length: number } {
  const lines: Line[] = [];
  let length = 0;
  while (length < bytes.length) {
    const end = bytes.indexOf("\n", length);
    const text = bytes.toString("utf8", length, end < 0 ? bytes.length : end);
    const line = end < 0 ? undefined : parsed(text);
    if (!line) {
      // After a loss of power a last line may have its length and not its contents.
      if (end < 0 || end === bytes.length - 1) break;
      throw fileFault(file, "a JSON object in each line", `line ${lines.length + 1}: ${text.slice(0, 40)}`);
    }
    lines.push(line);
    length = end + 1;
  }
  return { lines, length };
}

const START = '{"type":"search",';

/** The first line; undefined where it is cut. Another file is refused, lest it be taken for a cut journal and lost. */
function headerOf(file: string, bytes: Buffer, [line]: readonly Line[]): JournalHeader | undefined {
  if (line?.type === "search") return line;
  const [text] = bytes.toString("utf8", 0, 40).replaceAll("\0", "").split("\n");
  if (line === undefined && START.startsWith(text.slice(0, START.length))) return undefined;
  throw fileFault(file, "a journal of a search", `another first line: ${text}`);
}

function parsed(text: string): Line | undefined {
  try {
    const line = JSON.parse(text);
    return ["search", "start", "end"].includes(line?.type) ? line : undefined;
  } catch {
    return undefined;
  }
}

function trialsOf(file: string, [first, ...lines]: readonly Line[], header: JournalHeader): Trial[] {
  if (first === undefined) return [];
  const plain = JSON.parse(JSON.stringify(header)) as Record<string, unknown>;
  for (const [name, value] of Object.entries(plain)) {
    const was = JSON.stringify((first as unknown as Record<string, unknown>)[name]);
    if (was === JSON.stringify(value)) continue;
    throw fileFault(file, `the search that it began with: ${name} was ${was}, is ${JSON.stringify(value)}`);
  }
  const trials: Trial[] = [];
  for (const line of lines) {
    if (line.type !== "end") continue;
    const { type: _, ...trial } = line;
    if (trial.number !== trials.length) {
      throw fileFault(file, `the end of trial ${trials.length}`, `that of ${trial.number}`);
    }
    trials.push(trial);
  }
  return trials;
}
