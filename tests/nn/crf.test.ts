import { describe, expect, test } from "@jest/globals";
import { nn } from "../../src/index.js";
import { scope } from "../../src/tensor/scope.js";
import { tensor } from "../../src/tensor/tensor.js";
import { crfBestPath, crfReference } from "../support/crf.js";
import { withStore } from "../support/nn.js";
import { expectClose, expectCode, randomData } from "../support/ops.js";
import { int32 } from "../support/ragged.js";

const labels = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"];
const offsets = [0, 6, 6, 9];
const tags = labels.length;
const emissions = randomData([9, tags], 1, 3);
const allowedTags = [3, 4, 4, 0, 1, 2, 0, 0, 1];

/** Whether a tag may follow another; -1 is the beginning. */
function allowed(from: number, to: number): boolean {
  return !labels[to].startsWith("I-") || (from > 0 && labels[from].slice(2) === labels[to].slice(2));
}

/** The parameters of a store as the reference wants them, with or without what is forbidden. */
function scoresOf(store: nn.ParameterStore, forbid: boolean) {
  const of = (name: string) => store.get(`crf.${name}`)!.tensor.dataSync() as Float32Array;
  const [transitions, start] = [of("transitions"), of("start_transitions")];
  const kept = (values: Float32Array, ok: (at: number) => boolean) =>
    values.map((value, at) => (!forbid || ok(at) ? value : Number.NEGATIVE_INFINITY));
  return {
    transitions: kept(transitions, (at) => allowed(Math.floor(at / tags), at % tags)),
    start: kept(start, (at) => allowed(-1, at)),
    end: of("end_transitions"),
  };
}

describe("Crf", () => {
  test.each([
    [undefined, false],
    [labels, false],
    [labels, true],
  ])("labels %j, in the loss %p: loss, gradients and paths of the textbook", (names, constrainLoss) => {
    withStore(
      (store) => new nn.Crf(store, "crf", tags, { labels: names, constrainLoss }),
      (crf, store) => {
        scope(() => {
          const x = tensor(emissions, [9, tags], { requiresGrad: true });
          const loss = crf.nll(x, int32(offsets), int32(allowedTags), { reduction: "sum" });
          const problem = { offsets, emissions, tags, labels: allowedTags };
          const wanted = crfReference({ ...problem, ...scoresOf(store, constrainLoss) });
          const total = wanted.losses.reduce((sum, one) => sum + one, 0);
          expectClose(loss.dataSync(), [total], 2e-6, "loss");
          loss.backward();
          expectClose(x.grad!.dataSync(), wanted.gradients.emissions, 2e-6, "emissions");
          const gradient = crf.transitions.tensor.grad!.dataSync();
          expectClose(gradient, wanted.gradients.transitions, 2e-6, "transitions");

          const found = crf.decode(x, int32(offsets));
          const best = crfBestPath({ ...problem, ...scoresOf(store, names !== undefined) });
          expect([...found.tags.dataSync()]).toEqual(best.path);
          expectClose(found.scores.dataSync(), best.scores, 2e-6, "scores");
        });
      },
    );
  });

  test("with labels every path is a sequence of IOB2, whatever the emissions say", () => {
    withStore(
      (store) => new nn.Crf(store, "crf", tags, { labels }),
      (crf) => {
        scope(() => {
          for (let seed = 1; seed <= 20; seed++) {
            const x = tensor(randomData([40, tags], seed, 4), [40, tags]);
            const path = crf.decode(x, int32([0, 40])).tags.dataSync();
            path.forEach((tag, i) => {
              expect([seed, i, allowed(i === 0 ? -1 : path[i - 1], tag)]).toEqual([seed, i, true]);
            });
          }
        });
      },
    );
  });

  test("a forbidden path to learn from: infinite loss where the loss is constrained, else none", () => {
    for (const constrainLoss of [true, false]) {
      withStore(
        (store) => new nn.Crf(store, "crf", tags, { labels, constrainLoss }),
        (crf) => {
          const loss = crf.nll(tensor(emissions.slice(0, 10), [2, tags]), int32([0, 2]), int32([0, 2]));
          expect(loss.dataSync()[0] === Number.POSITIVE_INFINITY).toBe(constrainLoss);
        },
      );
    }
  });

  test("starts uniformly within 0.1, as pytorch-crf does", () => {
    withStore(
      (store) => new nn.Crf(store, "crf", 30),
      (_, store) => {
        expect([...store.all()].map(({ name, shape }) => [name, shape])).toEqual([
          ["crf.transitions", [30, 30]],
          ["crf.start_transitions", [30]],
          ["crf.end_transitions", [30]],
        ]);
        const values = [...store.get("crf.transitions")!.tensor.dataSync()];
        expect(Math.max(...values.map(Math.abs))).toBeLessThan(0.1);
        expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.095);
      },
    );
  });

  test("misuse", () => {
    const make = (count: number, options: nn.CrfOptions) => () =>
      new nn.Crf(new nn.ParameterStore(), "crf", count, options);
    expectCode(make(0, {}), "ERR_ARGUMENT", "Crf: tags must be a positive integer, got 0");
    expectCode(make(3, { labels }), "ERR_ARGUMENT", "Crf: labels must be 3 names, got 5");
    expectCode(make(1, { labels: ["PER"] }), "ERR_ARGUMENT", 'O, B-TYPE or I-TYPE, got "PER"');
    expectCode(make(1, { labels: ["S-PER"] }), "ERR_ARGUMENT", 'O, B-TYPE or I-TYPE, got "S-PER"');
    expectCode(make(2, { constrainLoss: true }), "ERR_ARGUMENT", "constrainLoss needs labels");
  });
});
