// Token sequences of other implementations (see tests/fixtures/tokenizers/ORIGIN.md): all questions of SQuAD
// v1.1 dev by the original BERT code, and strings with odd white space and Unicode.

import { expect, test } from "@jest/globals";

import { bert, readJson } from "./support.js";

interface Question {
  original: string;
  wordpiece: string[];
}

interface Sample {
  input: string;
  encoded: { input_ids: number[]; token_type_ids: number[]; attention_mask: number[] };
  decoded_with_special: string;
  decoded_without_special: string;
}

test("10,570 questions, tokens and ids", () => {
  const questions = readJson<Question[]>("tokenizers/golden-questions/question_tokens.json.gz");
  const ids = readJson<number[][]>("tokenizers/golden-questions/tokenized_questions.json.gz");
  expect(questions.length).toBe(10570);
  const encodings = bert().encodeBatch(
    questions.map((question) => question.original),
    { addSpecialTokens: false },
  );
  let differing = 0;
  for (const [i, encoding] of encodings.entries()) {
    const same = encoding.tokens.join(" ") === questions[i].wordpiece.join(" ");
    if (!same || Array.from(encoding.ids).join(" ") !== ids[i].join(" ")) differing++;
  }
  expect(differing).toBe(0);
});

test("18 samples, encoded and decoded", () => {
  const samples = readJson<Record<string, Sample[]>>("tokenizers/tokenizer_tests.json.gz")[
    "bert-base-uncased"
  ];
  expect(samples.length).toBe(18);
  for (const sample of samples) {
    const encoding = bert().encode(sample.input);
    expect(Array.from(encoding.ids)).toEqual(sample.encoded.input_ids);
    expect(Array.from(encoding.typeIds)).toEqual(sample.encoded.token_type_ids);
    const cleaned = { cleanUpTokenizationSpaces: true };
    expect(bert().decode(encoding.ids, cleaned)).toBe(sample.decoded_with_special);
    expect(bert().decode(encoding.ids, { ...cleaned, skipSpecialTokens: true })).toBe(
      sample.decoded_without_special,
    );
  }
});
