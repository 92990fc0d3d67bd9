// The engine processes of a run: started on demand, kept from workload to workload, stopped between turns.
import { Child } from "./child.js";
import type { EngineName, Runner } from "./workload.js";

export interface FleetOptions {
  threads: number;
  /** A Python with benchmarks/peers/requirements.txt; without it that peer is not available. */
  python?: string;
}

export class Fleet {
  readonly threads: number;
  readonly #python: string | undefined;
  readonly #children = new Map<string, Child>();

  constructor({ threads, python }: FleetOptions) {
    this.threads = threads;
    this.#python = python;
  }

  /** The process of a runner; it is stopped unless it was just made. */
  get(runner: Runner): Child {
    const key = this.#key(runner);
    let child = this.#children.get(key);
    if (!child) {
      const threads = String(this.threads);
      child = new Child(key, this.#command(runner.engine), {
        ATHANOR_THREADS: threads,
        OMP_NUM_THREADS: threads,
        MKL_NUM_THREADS: threads,
        ...runner.env,
      });
      this.#children.set(key, child);
    }
    return child;
  }

  async close(runner: Runner): Promise<void> {
    const key = this.#key(runner);
    await this.#children.get(key)?.close();
    this.#children.delete(key);
  }

  async closeAll(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.close()));
    this.#children.clear();
  }

  #key({ engine, label, env }: Runner): string {
    return `${label ?? engine} ${JSON.stringify(env ?? {})}`;
  }

  #command(engine: EngineName): string[] {
    switch (engine) {
      case "athanor":
        return [process.execPath, "dist/benchmarks/engines/athanor.js"];
      case "onnxruntime":
        return [process.execPath, "benchmarks/peers/onnxruntime-engine.mjs"];
      case "torch":
        if (!this.#python) throw new Error("no --python was given");
        return [this.#python, "benchmarks/peers/torch_engine.py"];
    }
  }
}
