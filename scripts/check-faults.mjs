// Whether the sanitizers see what they must: each faulty kernel of native/cuda/check/check_faults.cu has to end its
// program with the report that its name begins with: that of a sanitizer, or a segmentation fault for the host's hands
// in protected device memory. Builds with scripts/kernel-check.sh; the last
// line is "N passed, N failed".
import { execFileSync, spawnSync } from "node:child_process";

const reports = {
  address: { flag: ["--asan"], text: "ERROR: AddressSanitizer" },
  undefined: { flag: ["--asan"], text: "runtime error:" },
  host: { flag: [], text: "SIGSEGV" },
  thread: { flag: ["--tsan"], text: "WARNING: ThreadSanitizer: data race" },
};

const script = "scripts/kernel-check.sh";
const list = execFileSync(script, ["fault/", "--list"], { encoding: "utf8" });
const faults = list.split("\n").filter((line) => line.startsWith("fault/"));
let passed = 0;
for (const fault of faults) {
  const { flag, text } = reports[fault.slice("fault/".length, fault.indexOf(":"))];
  const { status, stdout, stderr } = spawnSync(script, [...flag, fault, "--seeds", "0"], {
    encoding: "utf8",
    env: { ...process.env, CUDA_EMULATION_PROTECT: flag.length === 0 ? "1" : "0" },
  });
  const seen = status !== 0 && (stdout + stderr).includes(text);
  passed += seen ? 1 : 0;
  if (!seen) console.log(`FAILED ${fault}: needed "${text}", exit status ${status}\n${stdout}${stderr}`);
}
console.log(`${passed} passed, ${faults.length - passed} failed`);
process.exitCode = passed === faults.length && passed > 0 ? 0 : 1;
