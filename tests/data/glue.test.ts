// readGlue: the layouts of all ten configurations' published files. Real rows where their licence allows (SST-2,
// MRPC, STS-B); the other layouts are those of the published files with sentences of our own.
import { describe, expect, test } from "@jest/globals";
import { GLUE_CONFIGS, type GlueName, readGlue, readTable, type SkipReport } from "../../src/data/index.js";
import { fixture } from "./fixture.js";
import { errorOf, withFile } from "./temporary.js";

const lines = (...rows: string[][]) => `${rows.map((row) => row.join("\t")).join("\n")}\n`;
const glue = (task: GlueName, text: string) => withFile("a.tsv", text, (file) => readGlue(task, file));

const mnliHead = "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse";
const mnli = (more: string[], ...end: string[]) => [
  ...["0", "1n", "1", "fiction", "( a )", "( b )", "(ROOT a)", "(ROOT b)"],
  ...more,
  ...end,
];
const nliHead = (...more: string[]) => [
  ...mnliHead.split(" "),
  "sentence2_parse",
  "sentence1",
  "sentence2",
  ...more,
];

const layouts: [string, GlueName, string, object[]][] = [
  [
    "CoLA train: no header, a quote that is not closed",
    "cola",
    lines(["gj04", "1", "", 'He said "so.'], ["gj04", "0", "*", "Said he so they."]),
    [
      { sentence: 'He said "so.', label: 1, idx: 0 },
      { sentence: "Said he so they.", label: 0, idx: 1 },
    ],
  ],
  [
    "CoLA test: a header, no labels",
    "cola",
    lines(["index", "sentence"], ["0", "He slept."]),
    [{ sentence: "He slept.", idx: 0 }],
  ],
  [
    "SST-2 test",
    "sst2",
    lines(["index", "sentence"], ["0", "fine , mostly "]),
    [{ sentence: "fine , mostly ", idx: 0 }],
  ],
  [
    "MRPC test",
    "mrpc",
    lines(["index", "#1 ID", "#2 ID", "#1 String", "#2 String"], ["0", "1", "2", "A b .", '" C d .']),
    [{ sentence1: "A b .", sentence2: '" C d .', idx: 0 }],
  ],
  [
    "QQP train",
    "qqp",
    lines(
      ["id", "qid1", "qid2", "question1", "question2", "is_duplicate"],
      ["7", "1", "2", 'What is "x"?', "Why?", "0"],
    ),
    [{ question1: 'What is "x"?', question2: "Why?", label: 0, idx: 0 }],
  ],
  [
    "QQP test",
    "qqp",
    lines(["id", "question1", "question2"], ["0", "Who?", "What?"]),
    [{ question1: "Who?", question2: "What?", idx: 0 }],
  ],
  [
    "STS-B test",
    "stsb",
    lines(
      ["index", "genre", "filename", "year", "old_index", "source1", "source2", "sentence1", "sentence2"],
      ["0", "main", "f", "2012", "1", "none", "none", "A.", "B."],
    ),
    [{ sentence1: "A.", sentence2: "B.", idx: 0 }],
  ],
  [
    "MNLI train",
    "mnli",
    lines(nliHead("label1", "gold_label"), mnli(["A.", "B."], "neutral", "neutral")),
    [{ sentence1: "A.", sentence2: "B.", label: 1, idx: 0 }],
  ],
  [
    "MNLI dev",
    "mnli",
    lines(
      nliHead("label1", "label2", "label3", "label4", "label5", "gold_label"),
      mnli(["A.", "B."], "neutral", "neutral", "entailment", "neutral", "contradiction", "contradiction"),
    ),
    [{ sentence1: "A.", sentence2: "B.", label: 2, idx: 0 }],
  ],
  ["MNLI test", "mnli", lines(nliHead(), mnli(["A.", "B."])), [{ sentence1: "A.", sentence2: "B.", idx: 0 }]],
  [
    "QNLI dev",
    "qnli",
    lines(["index", "question", "sentence", "label"], ["0", "Who?", "He.", "not_entailment"]),
    [{ question: "Who?", sentence: "He.", label: 1, idx: 0 }],
  ],
  [
    "RTE train",
    "rte",
    lines(["index", "sentence1", "sentence2", "label"], ["0", "A.", "B.", "entailment"]),
    [{ sentence1: "A.", sentence2: "B.", label: 0, idx: 0 }],
  ],
  [
    "WNLI train",
    "wnli",
    lines(["index", "sentence1", "sentence2", "label"], ["0", "A.", "B.", "1"]),
    [{ sentence1: "A.", sentence2: "B.", label: 1, idx: 0 }],
  ],
  [
    "diagnostic, which has no labels",
    "ax",
    lines(["index", "sentence1", "sentence2"], ["0", "A.", "B."]),
    [{ sentence1: "A.", sentence2: "B.", idx: 0 }],
  ],
];

describe("readGlue", () => {
  test.each(layouts)("%s", async (_name, task, text, rows) => {
    expect(await glue(task, text)).toEqual(rows);
    // Windows line ends change nothing.
    expect(await glue(task, text.replaceAll("\n", "\r\n"))).toEqual(rows);
  });

  test("SST-2, MRPC with a byte order mark and bare quotes, STS-B", async () => {
    const sst2 = await readGlue("sst2", fixture("sst2.tsv.gz"));
    expect([sst2.length, sst2[871].idx]).toEqual([872, 871]);
    expect(sst2[0]).toEqual({
      sentence: "it 's a charming and often affecting journey . ",
      label: 1,
      idx: 0,
    });
    const mrpc = await readGlue("mrpc", fixture("mrpc.tsv"));
    const quoted = await readTable(fixture("mrpc.csv"), { types: { label: GLUE_CONFIGS.mrpc.labels } });
    expect(mrpc).toEqual(quoted.map((row, idx) => ({ ...row, idx })));
    const stsb = await readGlue("stsb", fixture("sts-b.tsv"));
    expect(stsb[1]).toMatchObject({ sentence1: "A young child is riding a horse.", label: 4.75 });
  });

  test("there are ten, and their classes are those of the Hub's data set", () => {
    expect(Object.keys(GLUE_CONFIGS)).toHaveLength(10);
    expect(GLUE_CONFIGS.mnli.labels).toEqual(["entailment", "neutral", "contradiction"]);
    expect(GLUE_CONFIGS.rte.labels.indexOf("entailment")).toBe(0);
    expect(GLUE_CONFIGS.wnli.labels.indexOf("entailment")).toBe(1);
  });

  const faults: [string, GlueName, string, string][] = [
    [
      "the wrong task",
      "qnli",
      lines(["sentence", "label"]),
      'column "question": a file of GLUE\'s qnli needs this column',
    ],
    [
      "an unknown label",
      "rte",
      lines(["sentence1", "sentence2", "label"], ["a", "b", "-"]),
      'line 2, column "label": needs one of 2 class names (entailment, not_entailment) or its number, got "-"',
    ],
    [
      "a score that is none",
      "stsb",
      lines(["sentence1", "sentence2", "score"], ["a", "b", "x"]),
      "needs a number",
    ],
    [
      "CoLA with a field too few",
      "cola",
      lines(["a", "1", "b"]),
      "line 1: needs 4 fields (source, label, judgement, sentence), got 3",
    ],
  ];
  test.each(faults)("%s", async (_name, task, text, message) => {
    const error = await errorOf(() => glue(task, text));
    expect(error.code).toBe("ERR_DATA");
    expect(error.message).toContain(message);
  });

  test("rows cut short, as QQP has them, are skipped and keep their number", async () => {
    const head = ["id", "question1", "question2", "is_duplicate"];
    const text = lines(head, ["1", "a", "b", "0"], ["2", "a"], ["3", "c", "d", "1"]);
    let report: SkipReport | undefined;
    const onSkip = (made: SkipReport) => {
      report = made;
    };
    const options = { format: "glue", task: "qqp", onBadRow: "skip", onSkip } as const;
    const rows = await withFile("train.tsv", text, (file) => readTable(file, options));
    expect(rows.map(({ idx }) => idx)).toEqual([0, 2]);
    expect(report).toMatchObject({ count: 1, reasons: [{ line: 3 }] });
  });

  test("misuse", async () => {
    for (const task of ["mnli_matched", "toString", undefined]) {
      const error = await errorOf(() => glue(task as GlueName, "a\n"));
      expect(error.code).toBe("ERR_ARGUMENT");
      expect(error.message).toContain(
        "GLUE's task must be one of cola, sst2, mrpc, qqp, stsb, mnli, qnli, rte, wnli, ax",
      );
    }
  });
});
