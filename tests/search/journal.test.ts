// A search goes on where it was killed, and ends as one that was never stopped.
import { spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { search, type Trial } from "../../src/search/index.js";
import { removeJournal } from "../../src/search/journal.js";
import { errorOf, inFolder } from "../data/temporary.js";
import { branin, braninSpace } from "./functions.js";

const child = fileURLToPath(new URL("./journal-child.js", import.meta.url));
const how = { trials: 25, seed: 7 } as const;
const plain = (trials: readonly Trial[]) => trials.map((trial) => ({ ...trial, seconds: 0 }));

/** Runs the child until it has begun so many trials, of which the last is under way, does `meanwhile`, then kills it. */
function killedAfter(
  journal: string,
  starts: number,
  meanwhile: (pid: number) => Promise<void> = async () => {},
): Promise<NodeJS.Signals | null> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [child, journal, String(starts)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let seen = "";
    running.stdout.on("data", (data) => {
      seen += data;
      if (seen.split("\n").length <= starts) return;
      meanwhile(running.pid!)
        .catch(reject)
        .finally(() => running.kill("SIGKILL"));
    });
    running.on("error", reject);
    running.on("close", (_, signal) => resolve(signal));
  });
}

test("after two kills the trials are those of a search without a pause", async () => {
  const whole = await search(branin, braninSpace, how);
  await inFolder(async (folder) => {
    const journal = join(folder, "search.jsonl");
    expect(await killedAfter(journal, 6)).toBe("SIGKILL");
    const first = (await readFile(journal, "utf8")).match(/"type":"end"/g)!.length;
    expect(first).toBe(5);
    expect(await killedAfter(journal, 8)).toBe("SIGKILL");
    const left = (await readFile(journal, "utf8")).match(/"type":"end"/g)!.length;
    expect(left).toBe(5 + 7);
    let tried = 0;
    const counted = (parameters: Parameters<typeof branin>[0]) => {
      tried++;
      return branin(parameters);
    };
    const resumed = await search(counted, braninSpace, { ...how, journal, resume: true });
    expect(tried).toBe(25 - left);
    expect(plain(resumed.trials)).toEqual(plain(whole.trials));
    // More trials may be asked for later; what is there is not tried again.
    const longer = await search(counted, braninSpace, { ...how, trials: 27, journal, resume: true });
    expect(longer.trials).toHaveLength(27);
    expect(tried).toBe(27 - left);
  });
});

test("a journal belongs to one search at a time, which a killed one does not go on with", async () => {
  await inFolder(async (folder) => {
    const journal = join(folder, "search.jsonl");
    const options = { trials: 4, seed: 7, journal, resume: true };
    const refusal = (pid: number) => ({
      code: "ERR_CHECKPOINT",
      message: `${journal}: needs to be used by one search at a time, got process ${pid}, which holds it (if that is no search, remove ${journal}.${pid}.lock)`,
    });
    let before = "";
    await killedAfter(journal, 2, async (pid) => {
      before = await readFile(journal, "utf8");
      expect(await errorOf(() => search(branin, braninSpace, options))).toEqual(refusal(pid));
      expect(await errorOf(() => removeJournal(journal))).toEqual(refusal(pid));
      expect(await readFile(journal, "utf8")).toBe(before);
    });
    expect((await readdir(folder)).filter((name) => name.endsWith(".lock"))).toHaveLength(1);
    let second: unknown;
    const tried = async (parameters: Parameters<typeof branin>[0]) => {
      second ??= await errorOf(() => search(branin, braninSpace, options));
      return branin(parameters);
    };
    // What another program with the number of a killed process has not begun (Linux), nor one with that of this one.
    const left = process.platform === "linux" ? [process.ppid, process.pid] : [process.pid];
    for (const pid of left) await writeFile(`${journal}.${pid}.lock`, "1");
    // The journal of another name is another's.
    await writeFile(`${journal}.old.${process.ppid}.lock`, "");
    await search(tried, braninSpace, { ...options, trials: 25 });
    expect(second).toEqual(refusal(process.pid));
    expect((await readdir(folder)).sort()).toEqual(["search.jsonl", `search.jsonl.old.${process.ppid}.lock`]);
    await removeJournal(journal);
    expect(await readdir(folder)).toHaveLength(1);
  });
});

test("a last line that is cut anywhere survives", async () => {
  await inFolder(async (folder) => {
    const journal = join(folder, "search.jsonl");
    const options = { trials: 4, seed: 1 };
    const { trials } = await search(branin, braninSpace, { ...options, journal });
    const bytes = await readFile(journal);
    const ends = [...bytes.keys()].filter((i) => bytes[i] === 10);
    for (const [cut, kept] of [
      [0, 0],
      [40, 0],
      [ends[0] + 1, 0],
      [ends[4] + 9, 2],
      [bytes.length - 1, 3],
      [bytes.length, 4],
    ]) {
      await writeFile(journal, bytes.subarray(0, cut));
      let tried = 0;
      const counted = (parameters: Parameters<typeof branin>[0]) => {
        tried++;
        return branin(parameters);
      };
      const resumed = await search(counted, braninSpace, { ...options, journal, resume: true });
      expect(plain(resumed.trials)).toEqual(plain(trials));
      expect(tried).toBe(4 - kept);
      const lines = (await readFile(journal, "utf8")).trimEnd().split("\n");
      expect(lines.map((line) => JSON.parse(line).type).filter((type) => type === "end")).toHaveLength(4);
    }
    // The length of a line may reach the disk before its contents.
    await writeFile(journal, Buffer.concat([bytes, Buffer.from([0, 0, 0, 10])]));
    expect((await search(branin, braninSpace, { ...options, journal, resume: true })).trials).toHaveLength(4);
  });
});

test("a file that is no journal is refused and stays as it is", async () => {
  await inFolder(async (folder) => {
    const journal = join(folder, "notes.json");
    for (const text of [
      '{"notes":"mine"}',
      '{"notes":"mine"}\n',
      "some words\n",
      '{"type":"end","number":0}\n',
    ]) {
      await writeFile(journal, text);
      const refused = await errorOf(() => search(branin, braninSpace, { trials: 1, journal, resume: true }));
      expect(refused).toEqual({
        code: "ERR_CHECKPOINT",
        message: `${journal}: needs a journal of a search, got another first line: ${text.trimEnd()}`,
      });
      expect(await readFile(journal, "utf8")).toBe(text);
    }
  });
});

test("a journal that is there, damaged, or another search's is refused", async () => {
  await inFolder(async (folder) => {
    const journal = join(folder, "search.jsonl");
    await search(branin, braninSpace, { trials: 2, journal });
    const refused = (more: object) =>
      errorOf(() => search(branin, braninSpace, { trials: 2, journal, resume: true, ...more }));
    expect(await refused({ resume: false })).toMatchObject({ code: "ERR_ARGUMENT" });
    expect(await refused({ seed: 2 })).toEqual({
      code: "ERR_CHECKPOINT",
      message: `${journal}: needs the search that it began with: seed was 0, is 2`,
    });
    expect(await refused({ sampler: "random" })).toMatchObject({ code: "ERR_CHECKPOINT" });
    expect(await refused({ journal: join(folder, "none", "s.jsonl") })).toMatchObject({
      code: "ERR_CHECKPOINT",
    });
    const [header, ...lines] = (await readFile(journal, "utf8")).split("\n");
    await writeFile(journal, [header, "{", ...lines].join("\n"));
    expect(await refused({})).toEqual({
      code: "ERR_CHECKPOINT",
      message: `${journal}: needs a JSON object in each line, got line 2: {`,
    });
  });
});
