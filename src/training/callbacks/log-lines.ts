// Log files of lines that a resumed run goes on with: what lies after the step it resumed from is cut off first, so that
// no step is there twice.
import { type FileHandle, mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { AthanorError } from "../../errors.js";
import { writeFileAtomic } from "../../models/atomic-file.js";

export class LogLines {
  #handle: FileHandle | undefined;

  constructor(private readonly file: string) {}

  /**
   * Opens the file. With `keep` what is there stays as far as it is kept: a line at a time, the first one (a header, say)
   * in any case, none that `keep` cannot read. Without, the file starts anew with `first`. Rejects with ERR_CHECKPOINT.
   */
  async open(first: string, keep?: (line: string) => boolean): Promise<void> {
    const before = keep ? await readFile(this.file, "utf8").catch(() => "") : "";
    const complete = before.slice(0, before.lastIndexOf("\n") + 1); // a crash may have cut the last line
    const lines = complete === "" ? [] : complete.slice(0, -1).split("\n");
    const header = first === "" ? 0 : 1;
    const kept = lines.filter((line, i) => i < header || isKept(line, keep!));
    if (lines.length === 0 && header === 1) kept.push(first);
    try {
      await mkdir(dirname(this.file), { recursive: true });
      await writeFileAtomic(this.file, kept.map((line) => `${line}\n`).join(""));
      this.#handle = await open(this.file, "a");
    } catch (cause) {
      throw this.#fault(cause);
    }
  }

  /** Adds a line. Rejects with ERR_CHECKPOINT. */
  async add(line: string): Promise<void> {
    await this.#handle?.appendFile(`${line}\n`).catch((cause) => {
      throw this.#fault(cause);
    });
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  #fault(cause: unknown): AthanorError {
    const came = (cause as NodeJS.ErrnoException).code ?? String(cause);
    return new AthanorError(
      "ERR_CHECKPOINT",
      `${this.file}: must be a file that can be written, got ${came}`,
      {
        cause,
      },
    );
  }
}

/** A crash may have left a line that is none. */
function isKept(line: string, keep: (line: string) => boolean): boolean {
  try {
    return keep(line);
  } catch {
    return false;
  }
}
