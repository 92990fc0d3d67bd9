// Resampling against sacrebleu 2.6.0 and NumPy 2.4.6: the same seed gives the same numbers.
import { describe, expect, test } from "@jest/globals";
import { approximateRandomization, bleu, chrf, pairedBootstrap, ter } from "../../src/metrics/index.js";
import { Mt19937 } from "../../src/metrics/mt19937.js";
import { Pcg64 } from "../../src/metrics/pcg64.js";
import { camelOptions, Differences, expectRefusal, fixture } from "./support.js";

const { significance, generators } = fixture("extra");

interface Tested {
  score: number;
  p_value: number | null;
  mean: number | null;
  ci: number | null;
}

describe("NumPy 2.4.6 generators", () => {
  test.each(
    generators as { seed: number; limit: number; coins: boolean[]; then: number[]; legacy: number[] }[],
  )("seed $seed, below $limit", ({ seed, limit, coins, then, legacy }) => {
    const random = new Pcg64(seed);
    const coin = random.coins();
    expect(coins.map(() => coin())).toEqual(coins);
    expect(then.map(() => random.below(limit))).toEqual(then);
    const twister = new Mt19937(seed);
    const drawn = Array.from({ length: 700 }, () => twister.below(limit));
    expect(drawn.slice(-legacy.length)).toEqual(legacy);
  });
});

describe("sacrebleu 2.6.0 paired tests", () => {
  test.each(significance as Record<string, never>[])("$metric $options", (entry) => {
    // biome-ignore lint/suspicious/noExplicitAny: JSON
    const { metric, seed, baseline, system, references, confidence, signature, bs, ar } = entry as any;
    const options = camelOptions(entry.options);
    const differences = new Differences();
    const compare = (
      where: string,
      got: ReturnType<typeof pairedBootstrap>,
      expected: Record<string, Tested>,
    ) => {
      for (const side of ["baseline", "system"] as const) {
        const { score, mean, ci } = expected[side];
        const parts = [got[side].score, got[side].confidence?.mean, got[side].confidence?.ci] as number[];
        differences.addAll(`${where} ${side}`, parts, [score, mean, ci] as number[]);
      }
      differences.add(`${where} p`, got.pValue, expected.system.p_value!);
    };
    const corpus = { bleu, chrf, ter }[metric as "bleu"](system, references, {
      ...options,
      bootstrap: 200,
      seed,
    });
    differences.addAll("corpus", [corpus.confidence!.mean, corpus.confidence!.ci], confidence);
    expect(corpus.signature).toBe(signature);
    const bootstrapped = pairedBootstrap(system, baseline, references, {
      metric,
      options,
      seed,
      resamples: 300,
    });
    compare("bootstrap", bootstrapped, bs);
    expect(bootstrapped.signature).toBe(bs.signature);
    const trials = { metric, options, seed, trials: 400, confidenceResamples: 100 };
    const randomized = approximateRandomization(system, baseline, references, trials);
    compare("randomization", randomized, ar);
    expect(randomized.signature).toBe(ar.signature);
    differences.expectNone(16);
  });
});

describe("paired tests", () => {
  const references = [["a b c d e", "f g h i j", "k l m n o", "p q r s t"]];
  const worse = ["a b c x e", "f g h", "l k m n", "p r s t"];

  test("a system against itself: no difference can be smaller", () => {
    const { pValue, baseline, system } = pairedBootstrap(worse, worse, references, {
      metric: "chrf",
      resamples: 50,
    });
    expect(pValue).toBeCloseTo(1 / 51, 12); // the reference counts only differences above the one observed
    expect(baseline).toEqual(system);
    expect(approximateRandomization(worse, worse, references, { trials: 50 }).pValue).toBeCloseTo(1 / 51, 12);
  });

  test("one sentence has no spread", () => {
    const one = bleu(["a b c d"], [["a b c d e"]], { bootstrap: 10 });
    expect(one.confidence!.ci).toBe(0);
    expect(one.confidence!.mean).toBeCloseTo(one.score, 4); // resampled statistics are float32, as in the reference
  });

  test("the seed decides, and is the default of sacrebleu", () => {
    const run = (seed?: number) =>
      pairedBootstrap(references[0], worse, references, { metric: "ter", resamples: 40, seed });
    expect(run(1)).toEqual(run(1));
    expect(run(1).baseline.confidence).not.toEqual(run(2).baseline.confidence);
    expect(run().signature).toContain("bs:40|seed:12345|");
  });

  test.each([
    ["metric", { metric: "rouge" as never }, 'metric must be one of "bleu", "chrf", "ter", got "rouge"'],
    ["resamples", { resamples: 0 }, "resamples must be an integer from 1"],
    ["seed", { seed: 2 ** 32 }, "seed must be an integer"],
    ["options", { metric: "chrf" as const, options: { beta: -1 } }, "pairedBootstrap: beta must be"],
  ])("misuse: %s", (_, options, part) => {
    expectRefusal(() => pairedBootstrap(worse, worse, references, options), part);
  });

  test("misuse: systems of other lengths, trials", () => {
    expectRefusal(() => pairedBootstrap(worse, ["a"], references), "references[0] must have length 1, got 4");
    expectRefusal(
      () => approximateRandomization(worse, worse, references, { trials: 0 }),
      "trials must be an integer",
    );
  });
});
