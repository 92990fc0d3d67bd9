// Builds and runs the checks of some ops in the emulator (of all when none is named):
//
//   node scripts/kernel-check.mjs [--asan | --tsan] [OP[/PART OF A CASE'S NAME]...] [--seeds 0,1,2] [--times] [--list]
//
// For named ops only what their checks need is compiled. Objects are kept in build-emulated.
import { spawnSync } from "node:child_process";
import { buildAll, link, prepare, variants } from "./kernels/build.mjs";
import { sourcesOf } from "./kernels/sources.mjs";

const words = process.argv.slice(2);
const variant = words.includes("--asan") ? "address" : words.includes("--tsan") ? "thread" : "seeds";
const rest = words.filter((word) => word !== "--asan" && word !== "--tsan");
const ops = rest.filter((word, i) => !word.startsWith("-") && rest[i - 1] !== "--seeds");
const files = [...new Set(ops.map((op) => (op.startsWith("fault/") ? "faults" : op.split("/")[0])))];

try {
  // The parts need Ninja, whose targets are single objects, and a file check_<op> for each op.
  const parts = files.length > 0 && sourcesOf(files) !== undefined;
  const program = parts ? await link(prepare(variant, files)) : buildAll(variant);
  const { environment, runner } = variants[variant];
  const command = [...runner, program, ...rest];
  const { status, signal } = spawnSync(command[0], command.slice(1), {
    stdio: "inherit",
    env: { ...environment, ...process.env },
  });
  if (signal) console.log(`ended by ${signal}`);
  if (signal === "SIGILL")
    console.log("a function was called that is not linked: name the op that has it, too");
  process.exitCode = status ?? 1;
} catch (error) {
  console.error(String(error.stderr || error.message));
  process.exitCode = 1;
}
