#!/usr/bin/env node
// The command `athanor`. No logic of its own: see program.ts.
import { reportError } from "./errors.js";
import { makeProgram } from "./program.js";

try {
  await makeProgram().parseAsync();
} catch (error) {
  process.exitCode = reportError(error, process.argv.includes("--verbose"));
}
