// Philox as training has it against the slow one of the tests, and what is made of its words.
import { expect, test } from "@jest/globals";
import { Random } from "../../src/training/index.js";
import { philox } from "../support/philox.js";

test.each([
  [42, { epoch: 0, step: 0, batch: 0 }],
  [2 ** 53 - 1, { epoch: 7, step: 123456, batch: 3 }],
  [5, { epoch: 2 ** 20, step: 2 ** 32 - 1, batch: 2 ** 20 }],
])("seed %d at %j gives the words of Philox4x32-10", (seed, place) => {
  const random = new Random(seed, place);
  // The topmost bit of the key is set: dropout, whose key is the seed, draws other words.
  const key: [number, number] = [seed % 2 ** 32, Math.floor(seed / 2 ** 32) + 2 ** 31];
  const words = [0, 1, 2].flatMap((block) =>
    philox(key, place.step + place.epoch * 2 ** 32, block + place.batch * 2 ** 32),
  );
  expect(Array.from({ length: 12 }, () => random.word())).toEqual(words);
});

test("numbers are in their range, evenly", () => {
  const random = new Random(1);
  const counts = new Array(6).fill(0);
  let sum = 0;
  for (let i = 0; i < 60_000; i++) {
    counts[random.below(6)]++;
    const number = random.uniform();
    expect(number >= 0 && number < 1).toBe(true);
    sum += number;
  }
  // Five standard deviations of a binomial count, and of a mean of uniform numbers.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(5 * Math.sqrt(10_000 * (5 / 6)));
  expect(Math.abs(sum / 60_000 - 0.5)).toBeLessThan(5 / Math.sqrt(12 * 60_000));
  expect(random.below(1)).toBe(0);
});

test("a shuffle keeps what it mixes, and repeats", () => {
  const mixed = new Random(3).shuffle([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(new Random(3).shuffle([1, 2, 3, 4, 5, 6, 7, 8])).toEqual(mixed);
  expect(mixed).not.toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(mixed.slice().sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test("what is no seed, place or limit is refused", () => {
  const refused = (message: string) => expect.objectContaining({ code: "ERR_ARGUMENT", message });
  expect(() => new Random(-1)).toThrow(refused("Random: seed must be an integer from 0 to 2^53 - 1, got -1"));
  expect(() => new Random(0, { step: 0.5 })).toThrow(
    refused("Random: step must be an integer from 0 to 2^32 - 1, got 0.5"),
  );
  expect(() => new Random(0).below(0)).toThrow(
    refused("Random: limit must be an integer from 1 to 2^32, got 0"),
  );
});
