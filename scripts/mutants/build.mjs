// Builds kernel_check with one file changed, from the compile commands of build-emulated: the changed sources alone
// are compiled, and linked with the objects and archives that are there.
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);
export const buildFolder = "build-emulated";
// What kernel-check.sh calls them, the target, what the link needs.
export const variants = {
  seeds: { flag: undefined, target: "kernel_check", link: [] },
  address: { flag: "--asan", target: "kernel_check_address", link: ["-fsanitize=address,undefined"] },
  thread: { flag: "--tsan", target: "kernel_check_thread", link: ["-fsanitize=thread"] },
};

// Makes sure that the unchanged program is there; returns a function that builds a changed one.
export function prepareVariant(name) {
  const { flag, target, link } = variants[name];
  execFileSync("scripts/kernel-check.sh", [...(flag ? [flag] : []), "--list"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (!existsSync(join(buildFolder, "compile_commands.json"))) {
    execFileSync("cmake", ["-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", buildFolder], { stdio: "ignore" });
  }
  const commands = readCommands();
  const ours = commands.filter(({ output }) => output.startsWith(`CMakeFiles/${target}.dir/`));
  const unseen =
    name === "thread" ? commands.filter(({ output }) => output.includes("/emulator_unseen.dir/")) : [];
  const engine = commands.filter(({ output }) => output.startsWith("CMakeFiles/engine.dir/"));
  const archives = readdirSync(buildFolder).filter((file) => /^lib(engine|isa_.*)\.a$/.test(file));
  archives.sort((a, b) => (a === "libengine.a" ? -1 : b === "libengine.a" ? 1 : a.localeCompare(b)));

  return async (mutant, text, folder) => {
    rmSync(folder, { recursive: true, force: true });
    const changed = join(folder, mutant.file);
    mkdirSync(dirname(changed), { recursive: true });
    writeFileSync(changed, text);
    const replaced = new Map();
    for (const source of sourcesOf(mutant)) {
      const command = [...ours, ...unseen, ...engine].find(({ file }) => file === source);
      if (!command) throw new Error(`mutants: ${source} is not compiled in ${target}`);
      const object = resolve(folder, `${replaced.size}.o`);
      const input = source === mutant.file ? changed : source;
      const words = command.words.filter((word) => !/^-(MD|O[0-3])$/.test(word));
      await execute(
        words[0],
        [`-I${resolve(folder, "native")}`, ...words.slice(1), "-O1", "-o", object, "-c", resolve(input)],
        { cwd: buildFolder, maxBuffer: 1 << 26 },
      );
      replaced.set(command.output, object);
    }
    const objects = [...ours, ...unseen].map(({ output }) => replaced.get(output) ?? output);
    for (const [output, object] of replaced) {
      if (output.startsWith("CMakeFiles/engine.dir/")) objects.push(object);
    }
    const program = resolve(folder, target);
    await execute("g++", [...link, ...objects, ...archives, "-ldl", "-lpthread", "-o", program], {
      cwd: buildFolder,
      maxBuffer: 1 << 26,
    });
    return program;
  };
}

// { file (relative to the repository), output (relative to the build folder), words of the command without -o and -c }
function readCommands() {
  const root = `${resolve(".")}/`;
  return JSON.parse(readFileSync(join(buildFolder, "compile_commands.json"), "utf8")).map(
    ({ command, file }) => {
      const words = command.split(/\s+/).filter(Boolean);
      const output = words[words.indexOf("-o") + 1];
      const kept = words.filter(
        (word, i) => !["-o", "-c"].includes(word) && !["-o", "-c"].includes(words[i - 1]),
      );
      return {
        file: file.replace(root, ""),
        output: output.replace(`${root}${buildFolder}/`, ""),
        words: kept,
      };
    },
  );
}

function sourcesOf({ file, compile }) {
  if (compile) return compile;
  if (/\.(cu|cpp)$/.test(file)) return [file];
  const includers = readdirSync("native", { recursive: true })
    .map((path) => join("native", path))
    .filter((path) => path.endsWith(".cu") && includes(path, file, new Set()));
  if (includers.length === 0) throw new Error(`mutants: no .cu includes ${file}`);
  return includers;
}

function includes(path, header, seen) {
  if (seen.has(path) || !existsSync(path)) return false;
  seen.add(path);
  const names = [...readFileSync(path, "utf8").matchAll(/^\s*#include "(.+)"/gm)].map(
    ([, name]) => `native/${name}`,
  );
  return names.includes(header) || names.some((name) => includes(name, header, seen));
}
