// Reads the lists of edits in native/cuda/check/mutants and applies one; the form is described in
// native/cuda/emulator/README.md.
import { existsSync, readdirSync, readFileSync } from "node:fs";

const folder = "native/cuda/check/mutants";
const sanitizers = ["address", "thread"];

// All mutants of the ops named (of every list when none is): { op, name, file, checks, compile, by, survives, hunk }.
export function readMutants(ops) {
  const lists = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".txt")) : [];
  const known = lists.map((file) => file.slice(0, -".txt".length)).sort();
  for (const op of ops) {
    if (!known.includes(op)) throw new Error(`mutants: needed one of ${known.join(", ")}, got ${op}`);
  }
  const mutants = known.filter((op) => ops.length === 0 || ops.includes(op)).flatMap(readList);
  const seen = new Set();
  for (const mutant of mutants) {
    const id = `${mutant.op}: ${mutant.name}`;
    if (seen.has(id)) throw new Error(`mutants: ${id} is there twice`);
    seen.add(id);
  }
  return mutants;
}

function readList(op) {
  const mutants = [];
  const common = { file: undefined, checks: [op], compile: undefined };
  let mutant;
  const path = `${folder}/${op}.txt`;
  readFileSync(path, "utf8")
    .split("\n")
    .forEach((line, i) => {
      const wrong = (text) => new Error(`${path}:${i + 1}: ${text}`);
      if (line.trim() === "" || line.startsWith("#")) return;
      if (/^[-+ ]( |$)/.test(line)) {
        if (!mutant) throw wrong("a hunk before the first mutant");
        mutant.hunk.push({ kind: line[0], text: line.slice(2) });
        return;
      }
      const [word, ...rest] = line.split(" ");
      const value = rest.join(" ").trim();
      const begun = mutant?.hunk.length === 0;
      if (begun && ["file", "checks", "compile"].includes(word)) throw wrong(`${word} within a mutant`);
      if (word === "file") common.file = value;
      else if (word === "checks") common.checks = value.split(/\s+/);
      else if (word === "compile") common.compile = value.split(/\s+/);
      else if (word === "mutant") {
        if (!common.file) throw wrong("a mutant before the first file");
        mutant = {
          op,
          name: value,
          line: i + 1,
          path,
          ...common,
          by: undefined,
          survives: undefined,
          hunk: [],
        };
        mutants.push(mutant);
      } else if (word === "by" && mutant && sanitizers.includes(value)) mutant.by = value;
      else if (word === "survives" && mutant && value.startsWith("because ")) mutant.survives = value;
      else {
        throw wrong(
          `needed file, checks, compile, mutant, by ${sanitizers.join("|")}, survives because ... or a hunk, got "${line}"`,
        );
      }
      if (word === "file") common.compile = undefined;
    });
  return mutants;
}

// The file's text after the edit. Throws unless the hunk is found exactly once.
export function edited(mutant) {
  const lines = readFileSync(mutant.file, "utf8").split("\n");
  const old = mutant.hunk.filter(({ kind }) => kind !== "+").map(({ text }) => text.trim());
  const where = `${mutant.path}:${mutant.line}`;
  if (old.length === 0 || mutant.hunk.every(({ kind }) => kind === " ")) {
    throw new Error(`${where}: the hunk changes nothing`);
  }
  const found = [];
  for (let at = 0; at + old.length <= lines.length; at++) {
    if (old.every((text, i) => lines[at + i].trim() === text)) found.push(at);
  }
  if (found.length !== 1) {
    throw new Error(
      `${where}: the lines of the hunk are ${found.length} times in ${mutant.file}, needed once`,
    );
  }
  let from = found[0];
  const result = [];
  for (const { kind, text } of mutant.hunk) {
    if (kind === "+") result.push(text);
    else if (kind === " ") result.push(lines[from++]);
    else from++;
  }
  lines.splice(found[0], old.length, ...result);
  return lines.join("\n");
}
