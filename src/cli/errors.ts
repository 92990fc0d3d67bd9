// What a command says when it fails, and the exit code it leaves: 1 for what went wrong, 2 for how it was called,
// 130 when Ctrl-C ended it.
import { CommanderError } from "commander";
import { AthanorError } from "../errors.js";

export const EXIT = { failure: 1, usage: 2, interrupted: 130 } as const;

/** A mistake in the options of a command. */
export function usage(needed: string, came: string): AthanorError {
  return new AthanorError("ERR_ARGUMENT", `athanor: ${needed}, got ${came}`);
}

/** Writes one line about an error, with `verbose` its stack too, and returns the exit code. */
export function reportError(error: unknown, verbose: boolean): number {
  // Commander has written its message already, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT.usage;
  const { code, message, stack } = error as Partial<AthanorError>;
  const own = (error as Error)?.name === "AthanorError";
  const line = own ? `${code}: ${message}` : `unexpected error: ${message ?? String(error)}`;
  const hint = own || verbose ? "" : " (--verbose shows where)";
  console.error(`${line.replaceAll("\n", " ")}${hint}`);
  if (verbose) console.error(stackOf(error) ?? stack);
  if (code === "ERR_ABORTED") return EXIT.interrupted;
  return own && code === "ERR_ARGUMENT" ? EXIT.usage : EXIT.failure;
}

function stackOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const cause = stackOf(error.cause);
  return cause === undefined ? error.stack : `${error.stack}\ncaused by ${cause}`;
}
