// Runs the real command in a process of its own, on small files.
import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tinyRows, words } from "../training/support.js";

const main = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** What `athanor ARGUMENTS` leaves behind. It gets a Ctrl-C when standard error holds the text `interruptAt`. */
export function athanor(
  args: readonly string[],
  { stdin = "", interruptAt }: { stdin?: string; interruptAt?: string } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: "pipe" });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (data) => {
      stdout += data;
    });
    child.stderr.on("data", (data) => {
      const before = stderr;
      stderr += data;
      const now = interruptAt !== undefined && stderr.includes(interruptAt) && !before.includes(interruptAt);
      if (now) child.kill("SIGINT");
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
    child.stdin.on("error", () => {}); // it may have ended without reading
    child.stdin.end(stdin);
  });
}

/** The arguments of a model with two layers, 32 wide, for a vocabulary of a few words. */
export function tinyModelArgs(folder: string): string[] {
  const sizes = ["--layers", "2", "--hidden", "32", "--heads", "2", "--positions", "24", "--threads", "1"];
  return ["--tokenizer", join(folder, "vocab.txt"), ...sizes];
}

/** vocab.txt, train.csv and test.csv of a pattern that is quickly learnt. */
export async function writeTinyFiles(folder: string): Promise<void> {
  const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
  await writeFile(join(folder, "vocab.txt"), [...specials, ...words].join("\n"));
  const csv = (rows: { text: string; label: string }[]) =>
    ["text,label", ...rows.map(({ text, label }) => `${text},${label}`), ""].join("\n");
  await writeFile(join(folder, "train.csv"), csv(tinyRows(320, 1)));
  await writeFile(join(folder, "test.csv"), csv(tinyRows(80, 2)));
}
