// The ten GLUE configurations: which columns of the original files matter, and the classes (Wang et al. 2018;
// columns and order of classes as the Hub's data set "glue" has them).

/** A configuration. */
export interface GlueConfig {
  /** Names of the text columns in a row, one or two, in the order in which a model reads them. */
  texts: readonly [string] | readonly [string, string];
  /** The classes by id; null for a score from 0 to 5. */
  labels: readonly string[] | null;
  /** Columns of the files, for those in `texts`. */
  files: readonly string[];
  /** The file's column with the label; null where no file has labels. */
  label: string | null;
  /** Columns by position of a file without a header line, which only CoLA has. */
  headless?: readonly string[];
}

const NLI = ["entailment", "neutral", "contradiction"] as const;
const PAIR = ["sentence1", "sentence2"] as const;
const ENTAILMENT = ["entailment", "not_entailment"] as const;

/** Every configuration by name. `mnli` covers the matched and the mismatched files. */
export const GLUE_CONFIGS = {
  cola: {
    texts: ["sentence"],
    labels: ["unacceptable", "acceptable"],
    files: ["sentence"],
    label: "label",
    headless: ["source", "label", "judgement", "sentence"],
  },
  sst2: { texts: ["sentence"], labels: ["negative", "positive"], files: ["sentence"], label: "label" },
  mrpc: {
    texts: PAIR,
    labels: ["not_equivalent", "equivalent"],
    files: ["#1 String", "#2 String"],
    label: "Quality",
  },
  qqp: {
    texts: ["question1", "question2"],
    labels: ["not_duplicate", "duplicate"],
    files: ["question1", "question2"],
    label: "is_duplicate",
  },
  stsb: { texts: PAIR, labels: null, files: PAIR, label: "score" },
  mnli: { texts: PAIR, labels: NLI, files: PAIR, label: "gold_label" },
  qnli: {
    texts: ["question", "sentence"],
    labels: ENTAILMENT,
    files: ["question", "sentence"],
    label: "label",
  },
  rte: { texts: PAIR, labels: ENTAILMENT, files: PAIR, label: "label" },
  wnli: { texts: PAIR, labels: ["not_entailment", "entailment"], files: PAIR, label: "label" },
  ax: { texts: PAIR, labels: NLI, files: PAIR, label: null },
} as const satisfies Record<string, GlueConfig>;

/** The name of a configuration. */
export type GlueName = keyof typeof GLUE_CONFIGS;
