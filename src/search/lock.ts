// Who uses a journal: a file JOURNAL.PID.lock beside it. A process writes only its own, so that none takes the place
// of another's between a look and a change; of two that begin at once both may be refused, never neither.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileFault } from "./space.js";

// Of this process, whose own file may also be what an earlier one with its number has left.
const held = new Set<string>();

export class Lock {
  private constructor(private readonly own: string) {}

  /** Rejects with ERR_CHECKPOINT where a process that is alive has it, and for a folder that cannot be written. */
  static async take(file: string): Promise<Lock> {
    const own = `${resolve(file)}.${process.pid}.lock`;
    if (held.has(own)) throw inUse(file, process.pid, own);
    held.add(own);
    const lock = new Lock(own);
    try {
      await writeFile(own, await beginningOf(process.pid));
      await lock.#requireAlone(file);
      return lock;
    } catch (cause) {
      await lock.release();
      const { syscall, code } = cause as NodeJS.ErrnoException;
      throw syscall === undefined ? cause : fileFault(file, "a file that can be written", code, cause);
    }
  }

  async #requireAlone(file: string): Promise<void> {
    const folder = dirname(this.own);
    const begin = `${basename(file)}.`;
    for (const name of await readdir(folder)) {
      const pid = name.startsWith(begin) ? Number.parseInt(name.slice(begin.length), 10) : Number.NaN;
      if (name !== `${begin}${pid}.lock` || pid === process.pid) continue;
      const other = join(folder, name);
      if (await isHeld(other, pid)) throw inUse(file, pid, other);
      await rm(other, { force: true }); // a killed process has left it
    }
  }

  async release(): Promise<void> {
    await rm(this.own, { force: true }).catch(() => {}); // what stays is in nobody's way when the process has ended
    held.delete(this.own);
  }
}

function inUse(file: string, pid: number, lock: string) {
  const came = `process ${pid}, which holds it (if that is no search, remove ${lock})`;
  return fileFault(file, "to be used by one search at a time", came);
}

async function isHeld(lock: string, pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0); // a question, on Windows too
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const then = await readFile(lock, "utf8").catch(() => "");
  return then === "" || then === (await beginningOf(pid));
}

/** When a process began, where the system says so (Linux): numbers are given to new ones, and zombies keep theirs. */
async function beginningOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? "over" : (fields[19] ?? "");
}
