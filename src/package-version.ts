// The version of this package, for files that say what made them.
import { readFileSync } from "node:fs";

/** As package.json has it; "unknown" where a bundler has left that behind. */
export function packageVersion(): string {
  try {
    const file = new URL("../../package.json", import.meta.url);
    return JSON.parse(readFileSync(file, "utf8")).version;
  } catch {
    return "unknown";
  }
}
