// The functions that `map` and `filter` take, and how they travel: to worker threads and into the key of a cache.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { AthanorError } from "../errors.js";
import { shown } from "./text-source.js";

/** The second argument of the functions. */
export interface MapContext<P = unknown> {
  /** The number of the row, from 0; of the first row of a batch. */
  index: number;
  /** The option `params`. */
  params: P;
}

/** A function that a module exports: for what needs imports of its own in worker threads. */
export interface ModuleFunction {
  /** A `file:` URL or an absolute path; often `new URL("./tokenize.js", import.meta.url)`. */
  module: string | URL;
  /** The name of the export; default `"default"`. */
  name?: string;
}

/** What is done with the rows of a batch: each is mapped, all are, or some are kept. */
export type MapKind = "row" | "batch" | "filter";

// biome-ignore lint/suspicious/noExplicitAny: the caller's types are checked where the function is taken.
export type AnyFunction = (rows: any, context: MapContext<any>) => unknown;

/** A function as a thread can make it again. */
export type PortableFunction = { text: string } | { url: string; name: string };

/** Whether something is a function, or names one. Throws ERR_ARGUMENT when not. */
export function checkFunction(who: string, fn: unknown): asserts fn is AnyFunction | ModuleFunction {
  if (typeof fn === "function") return;
  const { module, name = "default" } = (fn ?? {}) as Partial<ModuleFunction>;
  const named = typeof module === "string" || (typeof module === "object" && "href" in module);
  if (named && typeof name === "string") return;
  const needed = "fn must be a function, or { module, name } of a module's one";
  throw new AthanorError("ERR_ARGUMENT", `${who}: ${needed}, got ${shown(fn)}`);
}

/** The function in a form that another thread can make it from. Throws ERR_ARGUMENT when there is none. */
export function portable(who: string, fn: AnyFunction | ModuleFunction): PortableFunction {
  if (typeof fn !== "function") return { url: moduleUrl(who, fn.module), name: fn.name ?? "default" };
  const text = Function.prototype.toString.call(fn);
  try {
    new Function(`return (${text}\n)`);
    return { text };
  } catch (cause) {
    // Methods in short form and native or bound functions are no expressions.
    const needed = "fn must be an arrow function or a function expression for workers and caches";
    throw new AthanorError("ERR_ARGUMENT", `${who}: ${needed}, got ${shown(text)}`, { cause });
  }
}

function moduleUrl(who: string, module: string | URL): string {
  const text = String(module);
  if (text.startsWith("file:")) return text;
  if (isAbsolute(text)) return pathToFileURL(text).href;
  const needed = "module must be a file: URL or an absolute path";
  throw new AthanorError("ERR_ARGUMENT", `${who}: ${needed}, got ${shown(text)}`);
}

/** Makes the function. A text is evaluated where it knows globals only. */
export async function load(who: string, fn: PortableFunction): Promise<AnyFunction> {
  if ("text" in fn) return new Function(`return (${fn.text}\n)`)() as AnyFunction;
  const missing = (came: string, cause?: unknown) =>
    new AthanorError("ERR_ARGUMENT", `${who}: needs a function "${fn.name}" in ${fn.url}, got ${came}`, {
      cause,
    });
  const exports = await import(fn.url).catch((cause: Error) => {
    throw missing(shown(cause.message), cause);
  });
  const found: unknown = exports[fn.name];
  if (typeof found === "function") return found as AnyFunction;
  throw missing(Object.keys(exports).join(", ") || "no exports");
}

/** What the key of a cache says of a function: its text, or its name and its module's content. */
export async function identity(who: string, fn: PortableFunction): Promise<string> {
  if ("text" in fn) return fn.text;
  try {
    const content = await readFile(fileURLToPath(fn.url));
    return `${fn.name} of ${createHash("sha256").update(content).digest("hex")}`;
  } catch (cause) {
    throw new AthanorError("ERR_ARGUMENT", `${who}: module must be a file that can be read, got ${fn.url}`, {
      cause,
    });
  }
}
