// From the tensors of a model folder to the parameters of a model: names, aliases, shapes, then bytes.
import { AthanorError } from "../errors.js";
import { type Stored, storedNames } from "../native/contract.js";
import { getEngine } from "../native/load.js";
import type { Parameter, ParameterStore } from "../nn/parameter.js";
import { untracked } from "../tensor/scope.js";
import { handles, makeTensor, type Tensor } from "../tensor/tensor.js";
import type { CheckpointTensor } from "./checkpoint-files.js";
import type { LoadReport } from "./model.js";
import type { SafetensorsDType } from "./safetensors.js";

/** How a family spells its names on disk. */
export interface NameRules {
  /** The base model's prefix, "bert." for BERT: may be missing in a file, or be there for the bare model. */
  prefix: string;
  /** Older spellings, tried in order on a name that fits nothing. */
  aliases: readonly [RegExp, string][];
  /** Names that may be there and mean nothing: stored buffers, second copies of tied tensors. */
  ignored: readonly RegExp[];
}

/** Which tensor of the checkpoint goes to which parameter. */
export interface LoadPlan {
  matches: { parameter: Parameter; source: CheckpointTensor }[];
  report: LoadReport;
}

const storedAs = new Map<SafetensorsDType, Stored>([
  ["F32", "same"],
  ["F16", "f16"],
  ["BF16", "bf16"],
  ["F64", "f64"],
]);

/**
 * Matches names and compares shapes; reads no weights and allocates nothing.
 *
 * @throws ERR_CHECKPOINT for shapes that differ (unless ignored) or types that cannot be read
 */
export function planLoad(
  store: ParameterStore,
  found: ReadonlyMap<string, CheckpointTensor>,
  rules: NameRules,
  options: { folder: string; ignoreMismatchedSizes?: boolean },
): LoadPlan {
  const report: LoadReport = { missing: [], unexpected: [], mismatched: [] };
  const sources = new Map<string, CheckpointTensor>();
  for (const [name, source] of found) {
    const canonical = canonicalName(name, store, rules);
    if (canonical === undefined) {
      if (!rules.ignored.some((pattern) => pattern.test(name))) report.unexpected.push(name);
    } else if (canonical === name || !sources.has(canonical)) {
      sources.set(canonical, source); // an exact name beats an alias
    }
  }
  const matches: LoadPlan["matches"] = [];
  for (const parameter of store.all()) {
    const source = sources.get(parameter.name);
    if (!source) {
      report.missing.push(parameter.name);
    } else if (!sameShape(parameter.shape, source.shape)) {
      report.mismatched.push({ name: parameter.name, needed: [...parameter.shape], found: source.shape });
    } else if (!storedAs.has(source.dtype)) {
      const needed = [...storedAs.keys()].join(", ");
      throw new AthanorError(
        "ERR_CHECKPOINT",
        `${options.folder}: ${parameter.name} must be one of ${needed}, got ${source.dtype}`,
      );
    } else {
      matches.push({ parameter, source });
    }
  }
  if (report.mismatched.length > 0 && !options.ignoreMismatchedSizes) {
    const [{ name, needed, found: came }] = report.mismatched;
    const more = report.mismatched.length > 1 ? ` (and ${report.mismatched.length - 1} more)` : "";
    throw new AthanorError(
      "ERR_CHECKPOINT",
      `${options.folder}: ${name} must be (${needed.join(", ")}), got (${came.join(", ")})${more}; ` +
        "pass ignoreMismatchedSizes to start such parameters afresh",
    );
  }
  return { matches, report };
}

function canonicalName(name: string, store: ParameterStore, rules: NameRules): string | undefined {
  const spelled = rules.aliases.reduce(
    (text, [pattern, replacement]) => text.replace(pattern, replacement),
    name,
  );
  for (const candidate of [name, spelled]) {
    if (store.get(candidate)) return candidate;
    if (store.get(rules.prefix + candidate)) return rules.prefix + candidate;
    if (candidate.startsWith(rules.prefix)) {
      const bare = candidate.slice(rules.prefix.length);
      if (store.get(bare)) return bare;
    }
  }
  return undefined;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

/** Reads the planned tensors into the memory of parameters that nobody uses yet, converting to f32. */
export async function readWeights({ matches }: LoadPlan): Promise<void> {
  await readTensors(matches.map(({ parameter, source }) => ({ target: parameter.tensor, source })));
}

/** The same for parameters in use: all is read beside them before any is changed. */
export async function replaceWeights({ matches }: LoadPlan): Promise<void> {
  const read = matches.map(({ parameter: { tensor }, source }) => {
    const target = untracked(() => makeTensor(null, "f32", tensor.shape, tensor.device, 0));
    return { tensor, target, source };
  });
  try {
    await readTensors(read);
    const { native } = getEngine();
    for (const { tensor, target } of read) native.copy(handles.of(tensor), handles.of(target));
  } finally {
    for (const { target } of read) target.dispose();
  }
}

async function readTensors(list: readonly { target: Tensor; source: CheckpointTensor }[]): Promise<void> {
  const byFile = new Map<string, number[]>();
  for (const { target, source } of list) {
    const entries = byFile.get(source.file) ?? [];
    byFile.set(source.file, entries);
    const stored = storedNames.indexOf(storedAs.get(source.dtype) as Stored);
    entries.push(handles.of(target), stored, source.begin);
  }
  const { native, settle } = getEngine();
  for (const [file, entries] of byFile) {
    await settle((id) => native.readFile(file, Float64Array.from(entries), id));
  }
}
