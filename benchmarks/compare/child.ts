// A long-lived child process that answers a line of JSON for each line it is sent. Between its turns it is stopped:
// an idle thread pool that spins would take the cores from whoever is measured.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

export class Child {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(
    readonly name: string,
    command: string[],
    env: Record<string, string> = {},
  ) {
    this.#process = spawn(command[0], command.slice(1), {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...env },
    });
    // A program that is not there, or ends: the answer that does not come says so.
    this.#process.on("error", () => {});
    this.#process.stdin!.on("error", () => {});
    this.#lines = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  /** Sends a line and waits for the answer. */
  async ask<T>(request: unknown): Promise<T> {
    const text = typeof request === "string" ? request : JSON.stringify(request);
    this.#process.stdin!.write(`${text}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.name} ended (exit ${this.#process.exitCode})`);
    return JSON.parse(value) as T;
  }

  sleep(): void {
    this.#process.kill("SIGSTOP");
  }

  wake(): void {
    this.#process.kill("SIGCONT");
  }

  /** The most memory that it ever held (VmHWM), in bytes; null where the system does not say. */
  peakMemory(): number | null {
    try {
      const status = readFileSync(`/proc/${this.#process.pid}/status`, "utf8");
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    } catch {
      return null;
    }
  }

  close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#process.once("exit", () => resolve());
      this.#process.kill("SIGKILL"); // it holds nothing worth saving, and may be stopped
    });
  }
}
