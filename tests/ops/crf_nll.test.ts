import { describe, expect, test } from "@jest/globals";
import { writeRows } from "../../src/tensor/ops/cache.js";
import { crfNll } from "../../src/tensor/ops/crf.js";
import { noGrad, scope } from "../../src/tensor/scope.js";
import { type Tensor, tensor } from "../../src/tensor/tensor.js";
import { crfReference } from "../support/crf.js";
import {
  checkGradients,
  expectClose,
  expectCode,
  expectCodeAsync,
  expectSameBits,
  fixtureCases,
  fixtureTolerance,
  randomData,
} from "../support/ops.js";
import { int32, offsetsOf, ragged } from "../support/ragged.js";

const cases = (await fixtureCases("crf")).map((c) => [c.case, c] as const);

describe("crf_nll against the enumeration of every path", () => {
  test.each(cases)("%s", (_, c) => {
    scope(() => {
      const lengths = c.tensors.get("lengths")!.data;
      const tags = c.tensors.get("start")!.shape[0];
      const leaf = (data: ArrayLike<number>, shape: number[]) =>
        tensor(Float32Array.from(data), shape, { requiresGrad: true });
      const rows = ragged(c.tensors.get("emissions")!.data, lengths, tags);
      const emissions = leaf(rows, [rows.length / tags, tags]);
      const [transitions, start, end] = ["transitions", "start", "end"].map((name) =>
        leaf(c.tensors.get(name)!.data, c.tensors.get(name)!.shape),
      );
      const labels = int32(ragged(c.tensors.get("tags")!.data, lengths, 1));
      const run = (reduction: "sum" | "none") =>
        crfNll(emissions, int32(offsetsOf(lengths)), labels, { transitions, start, end }, { reduction });
      const tolerance = fixtureTolerance(c);
      const each = Array.from(c.tensors.get("log_likelihood")!.data, (v) => -v);
      expectClose(run("none").dataSync(), each, tolerance, "losses");
      const loss = run("sum");
      expectClose(loss.dataSync(), c.tensors.get("loss")!.data, tolerance, "loss");
      loss.backward(tensor(c.tensors.get("upstream")!.data as Float32Array, []));
      const wanted = ragged(c.tensors.get("grad.emissions")!.data, lengths, tags);
      expectClose(emissions.grad!.dataSync(), wanted, tolerance, "grad.emissions");
      for (const [name, t] of Object.entries({ transitions, start, end })) {
        // Of sequences of one row no transition has a gradient, and PyTorch gives none.
        const there = c.tensors.get(`grad.${name}`)?.data ?? new Float32Array(t.size);
        expectClose(t.grad!.dataSync(), there, tolerance, `grad.${name}`);
      }
    });
  });
});

/** Scores of K tags over rows, drawn with a seed. */
function problem(lengths: number[], tags: number, seed = 1, scale = 2) {
  const offsets = offsetsOf(lengths);
  const rows = offsets[lengths.length];
  return {
    offsets,
    emissions: randomData([rows, tags], seed, scale),
    transitions: randomData([tags, tags], seed + 1),
    start: randomData([tags], seed + 2),
    end: randomData([tags], seed + 3),
    labels: Array.from({ length: rows }, (_, i) => (i * 7 + seed) % tags),
    tags,
  };
}

type Problem = ReturnType<typeof problem>;

function scoresOf({ transitions, start, end, tags }: Problem, requiresGrad = false) {
  return {
    transitions: tensor(transitions, [tags, tags], { requiresGrad }),
    start: tensor(start, [tags], { requiresGrad }),
    end: tensor(end, [tags], { requiresGrad }),
  };
}

describe("crf_nll", () => {
  test.each([
    [[1], 1],
    [[3, 0, 1, 6], 1],
    [[2, 5, 0, 1], 3],
    [[40, 17], 33],
    [Array.from({ length: 70 }, (_, i) => i % 9), 9],
    [[600], 5],
  ])("lengths %j of %d tags: losses and gradients as in float64", (lengths, tags) => {
    const p = problem(lengths, tags);
    const wanted = crfReference(p);
    scope(() => {
      const evaluated = () => {
        const emissions = tensor(p.emissions, [p.labels.length, tags], { requiresGrad: true });
        const scores = scoresOf(p, true);
        const losses = crfNll(emissions, int32(p.offsets), int32(p.labels), scores, { reduction: "none" });
        losses.backward(tensor(new Float32Array(lengths.length).fill(1), [lengths.length]));
        const leaves = [emissions, scores.transitions, scores.start, scores.end];
        return [losses, ...leaves.map((leaf) => leaf.grad!)].map((t) => t.dataSync());
      };
      const got = evaluated();
      expectClose(got[0], wanted.losses, 2e-6, "losses");
      ["emissions", "transitions", "start", "end"].forEach((name, i) => {
        const gradient = wanted.gradients[name as keyof typeof wanted.gradients];
        // A row hands the rounding of three operations on to the one before: a random walk over the chain.
        const tolerance = Math.max(2e-6, 2e-7 * Math.sqrt(Math.max(...lengths)));
        expectClose(got[i + 1], gradient, tolerance, name);
      });
      evaluated().forEach((values, i) => {
        expectSameBits(values, got[i], `result ${i}`);
      });
    });
  });

  test("mean over the sequences that are not empty, sum, and gradients of both", async () => {
    const p = problem([2, 0, 3, 1], 4);
    const { losses } = crfReference(p);
    const total = losses.reduce((sum, loss) => sum + loss, 0);
    const inputs = [
      { shape: [6, 4], data: p.emissions },
      { shape: [4, 4], data: p.transitions },
      { shape: [4], data: p.start },
      { shape: [4], data: p.end },
    ];
    for (const [reduction, wanted] of [
      ["mean", total / 3],
      ["sum", total],
    ] as const) {
      const run = (emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor) =>
        crfNll(emissions, int32(p.offsets), int32(p.labels), { transitions, start, end }, { reduction });
      const [emissions, ...scores] = inputs.map(({ data, shape }) => tensor(data, shape));
      expectClose(await run(emissions, scores[0], scores[1], scores[2]).data(), [wanted], 2e-6, reduction);
      await checkGradients(run, inputs);
    }
  });

  test("without sequences, or with empty ones alone: NaN as a mean, 0 as a sum, gradients of 0", async () => {
    for (const offsets of [[0], [0, 0, 0]]) {
      const scores = scoresOf(problem([1], 3), true);
      const run = (reduction: "mean" | "sum") =>
        crfNll(tensor([], [0, 3]), int32(offsets), int32([]), scores, { reduction });
      expect(await run("sum").item()).toBe(0);
      const loss = run("mean");
      expect(await loss.item()).toBeNaN();
      loss.backward();
      expect([...(await scores.transitions.grad!.data())]).toEqual(new Array(9).fill(0));
    }
  });

  test("what is forbidden has no probability and a gradient of 0; nothing becomes NaN", async () => {
    const p = problem([5, 3, 4], 4);
    p.labels = [0, 1, 2, 0, 3, 1, 2, 2, 0, 0, 1, 3];
    // 0 to 2, anything to 1 but from 0, to begin with 2 or end with 2 are forbidden: none of it happens in the labels.
    const forbidden = [2, 5, 9, 13];
    for (const at of forbidden) p.transitions[at] = Number.NEGATIVE_INFINITY;
    p.start[2] = p.end[1] = Number.NEGATIVE_INFINITY;
    p.emissions[4 * 1 + 3] = Number.NEGATIVE_INFINITY; // a tag that a row cannot have
    const wanted = crfReference(p);
    const emissions = tensor(p.emissions, [12, 4], { requiresGrad: true });
    const scores = scoresOf(p, true);
    const loss = crfNll(emissions, int32(p.offsets), int32(p.labels), scores, { reduction: "sum" });
    expectClose(await loss.data(), [wanted.losses.reduce((sum, v) => sum + v, 0)], 2e-6, "loss");
    loss.backward();
    const gradient = await scores.transitions.grad!.data();
    expect(forbidden.map((at) => gradient[at])).toEqual([0, 0, 0, 0]);
    expect((await scores.start.grad!.data())[2]).toBe(0);
    expect((await scores.end.grad!.data())[1]).toBe(0);
    expectClose(gradient, wanted.gradients.transitions, 2e-6, "transitions");
    expectClose(await emissions.grad!.data(), wanted.gradients.emissions, 2e-6, "emissions");
  });

  test("a forbidden path of labels has an infinite loss, also where no path is left, and finite gradients", async () => {
    for (const all of [false, true]) {
      const p = problem([3], 3);
      p.labels = [0, 1, 2];
      p.transitions.fill(Number.NEGATIVE_INFINITY, 0, all ? 9 : 3);
      const emissions = tensor(p.emissions, [3, 3], { requiresGrad: true });
      const loss = crfNll(emissions, int32(p.offsets), int32(p.labels), scoresOf(p, true));
      expect(await loss.item()).toBe(Number.POSITIVE_INFINITY);
      loss.backward();
      expect([...(await emissions.grad!.data())].every(Number.isFinite)).toBe(true);
    }
  });

  test("NaN is passed on", async () => {
    const p = problem([3, 2], 3);
    p.emissions[4] = Number.NaN;
    const emissions = tensor(p.emissions, [5, 3], { requiresGrad: true });
    const options = { reduction: "none" } as const;
    const losses = crfNll(emissions, int32(p.offsets), int32(p.labels), scoresOf(p), options);
    const [first, second] = await losses.data();
    expect(first).toBeNaN();
    expect(second).toBeGreaterThan(0);
    losses.backward(tensor([1, 1], [2]));
    const gradient = [...(await emissions.grad!.data())];
    expect(gradient.slice(0, 9).some(Number.isNaN)).toBe(true);
    expect(gradient.slice(9).every(Number.isFinite)).toBe(true);
  });

  test("backward notices changed scores and tags; emissions it no longer needs", () => {
    const p = problem([3, 2], 3);
    const change = (what: "emissions" | "transitions" | "start" | "end" | "labels") => {
      const emissions = tensor(p.emissions, [5, 3], { requiresGrad: true });
      const given = { ...scoresOf(p), emissions, labels: int32(p.labels) };
      const loss = crfNll(emissions, int32(p.offsets), given.labels, given);
      const target = given[what].reshape([given[what].size, 1]);
      const x = tensor(what === "labels" ? Int32Array.of(1) : Float32Array.of(1), [1, 1]);
      noGrad(() => writeRows(target, int32([0]), x));
      return () => loss.backward();
    };
    for (const what of ["transitions", "start", "end", "labels"] as const) {
      expectCode(change(what), "ERR_VERSION", "changed in place");
    }
    expect(change("emissions")).not.toThrow();
  });

  test("misuse", async () => {
    const p = problem([2, 3], 3);
    const emissions = tensor(p.emissions, [5, 3]);
    const scores = scoresOf(p);
    const run = (e: Tensor, labels: number[], s = scores, o = p.offsets) =>
      crfNll(e, int32(o), int32(labels), s);
    expectCode(() => run(emissions, [0]), "ERR_SHAPE", "tags must be (5), got (1)");
    expectCode(() => run(tensor([1, 2], [2]), [0]), "ERR_SHAPE", "emissions must have 2 dimensions");
    expectCode(() => run(tensor([], [2, 0]), [0, 0], scores, [0, 2]), "ERR_SHAPE", "at least one tag");
    expectCode(() => run(emissions, p.labels, scores, [0, 4]), "ERR_ARGUMENT", "offsets must end");
    const wrong = { ...scores, start: tensor([1, 2], [2]) };
    expectCode(() => run(emissions, p.labels, wrong), "ERR_SHAPE", "start must be (3), got (2)");
    const integers = { ...scores, end: int32([1, 2, 3]) };
    expectCode(() => run(emissions, p.labels, integers), "ERR_DTYPE", "end must be f32");
    const square = { ...scores, transitions: tensor([1, 2, 3], [3, 1]) };
    expectCode(() => run(emissions, p.labels, square), "ERR_SHAPE", "transitions must be (3, 3)");
    const reduction = "median" as "mean";
    expectCode(
      () => crfNll(emissions, int32(p.offsets), int32(p.labels), scores, { reduction }),
      "ERR_ARGUMENT",
      "crf_nll: reduction must be mean, sum or none, got median",
    );
    await expectCodeAsync(run(emissions, [0, 1, 3, 0, 0]).data(), "ERR_DATA", "crf_nll: tag 3 outside 0..2");
  });
});
