// Finds and loads the binary, once per copy of the package and environment; every reason for a failure goes
// into one message. Loading is lazy, so that the parts without an engine work where there is no binary.
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { AthanorError, type ErrorCode } from "../errors.js";
import { CallStacks } from "./call-stacks.js";
import type { NativeAddon } from "./contract.js";

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/** A customFunction whose node still lives. */
export interface CustomEntry {
  backward(gradients: number[]): number[];
  release(): void;
}

/** The loaded binary with what JavaScript keeps for it. */
export interface Engine {
  native: NativeAddon;
  stacks: CallStacks;
  /** Runs `start(id)` and resolves when the binary completes that id; at once when start returns true. */
  settle(start: (id: number) => unknown): Promise<void>;
  customFunctions: Map<number, CustomEntry>;
}

let engine: Engine | undefined;

export function getEngine(): Engine {
  engine ??= start(openBinary());
  return engine;
}

/** The op table of the binary: names, and which have a gradient. */
export function opNames(): { name: string; gradient: boolean; reason?: string }[] {
  return getEngine().native.opTable;
}

function candidates(): string[] {
  const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
  const chosen = process.env.ATHANOR_BINARY;
  if (chosen) return [chosen];
  const built = ["build-cuda", "build"].map((folder) => join(root, folder, "Release", "athanor.node"));
  // The newest first: a CUDA build of last week must not win over today's.
  const time = (file: string) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return built.sort((a, b) => time(b) - time(a));
}

function openBinary(): NativeAddon {
  const reasons: string[] = [];
  for (const file of candidates()) {
    if (!existsSync(file)) {
      reasons.push(`${file}: does not exist`);
      continue;
    }
    try {
      const module = { exports: {} as NativeAddon };
      // Not require(): each copy of this module gets an environment of its own, also under test runners.
      process.dlopen(module, file);
      return module.exports;
    } catch (error) {
      reasons.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new AthanorError(
    "ERR_NATIVE_LOAD",
    `no usable binary for ${process.platform}-${process.arch}:\n  ${reasons.join("\n  ")}\n` +
      "Build it with `npm run build` (needs Python 3, make and a C++17 compiler).",
  );
}

function start(native: NativeAddon): Engine {
  const stacks = new CallStacks();
  const waiting = new Map<number, Waiting>();
  const customFunctions = new Map<number, CustomEntry>();
  let lastId = 0;
  native.initialize(
    (code, message, call) => {
      const error = new AthanorError(code as ErrorCode, message);
      const origin = stacks.find(call);
      if (origin) error.cause = origin;
      return error;
    },
    (id, error) => {
      const entry = waiting.get(id);
      waiting.delete(id);
      if (error) entry?.reject(error);
      else entry?.resolve();
    },
    (id, gradients) => {
      const entry = customFunctions.get(id);
      if (!entry) throw new AthanorError("ERR_INTERNAL", `customFunction ${id} is unknown`);
      return entry.backward(gradients);
    },
    (id) => {
      customFunctions.get(id)?.release();
      customFunctions.delete(id);
    },
  );
  return {
    native,
    stacks,
    customFunctions,
    settle(begin) {
      const id = ++lastId;
      return new Promise<void>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        try {
          if (begin(id) === true) {
            waiting.delete(id);
            resolve();
          }
        } catch (error) {
          waiting.delete(id);
          reject(error);
        }
      });
    },
  };
}
