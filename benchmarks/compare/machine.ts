// What the machine gives: benchmarks/native/calibrate.cpp, compiled for it and kept as a child process.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { Child } from "./child.js";

/** GFLOP/s and GB/s: the best of many short loops. */
export interface Peaks {
  /** fp32 multiply-adds on one thread. */
  fma1: number;
  /** The same on all threads of the run. */
  fma: number;
  /** With vectors of 256 bits. */
  fma256: number;
  /** Memory read by one thread, and by all. */
  read1: number;
  read: number;
}

export class Machine {
  readonly #child: Child;

  constructor(
    cache: string,
    private readonly threads: number,
  ) {
    this.#child = new Child("calibrate", [compiled(cache), String(threads)]);
  }

  /** Tries again for a while when the threads seem to share a core: a moment, not the machine's peak. */
  async peaks(): Promise<Peaks> {
    let best: Peaks | undefined;
    for (let i = 0; i < 10; i++) {
      const found = await this.#child.ask<Peaks>("peaks");
      best ??= found;
      for (const key of Object.keys(found) as (keyof Peaks)[]) best[key] = Math.max(best[key], found[key]);
      if (best.fma > 0.8 * this.threads * best.fma1) break;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    return best!;
  }

  /** GFLOP/s of all threads over half a millisecond. */
  async check(): Promise<number> {
    return (await this.#child.ask<{ gflops: number }>("check")).gflops;
  }

  /** GB/s that all threads read from memory, in about 30 ms. */
  async read(): Promise<number> {
    return (await this.#child.ask<{ gb_s: number }>("read")).gb_s;
  }

  close(): Promise<void> {
    return this.#child.close();
  }
}

function compiled(cache: string): string {
  const source = "benchmarks/native/calibrate.cpp";
  const program = join(cache, "calibrate");
  if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(cache, { recursive: true });
    const options = ["-O3", "-std=c++17", "-march=native", "-ffp-contract=fast", "-pthread"];
    execFileSync(process.env.CXX ?? "g++", [...options, source, "-o", program], { stdio: "inherit" });
  }
  return program;
}
