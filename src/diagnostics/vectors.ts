// Arithmetic on vectors as long as a model has parameters: sums in float64, in pieces between which the event loop has
// its turn.
import type { Random } from "../tensor/random-stream.js";
import type { Rest } from "../training/rest.js";

export type Vector = Float32Array | Float64Array;

// Under a millisecond of work.
const PIECE = 1 << 18;

async function inPieces(size: number, rest: Rest, work: (begin: number, end: number) => void): Promise<void> {
  for (let begin = 0; begin < size; begin += PIECE) {
    work(begin, Math.min(size, begin + PIECE));
    await rest.ifDue();
  }
}

export async function dot(a: Vector, b: Vector, rest: Rest): Promise<number> {
  let sum = 0;
  await inPieces(a.length, rest, (begin, end) => {
    sum += partialDot(a, b, begin, end);
  });
  return sum;
}

// The loops stand alone: in a closure every sum would be a number on the heap.
function partialDot(a: Vector, b: Vector, begin: number, end: number): number {
  let sum = 0;
  for (let i = begin; i < end; i++) sum += a[i] * b[i];
  return sum;
}

function addPart(target: Vector, factor: number, a: Vector, begin: number, end: number): void {
  for (let i = begin; i < end; i++) target[i] += factor * a[i];
}

export async function norm(a: Vector, rest: Rest): Promise<number> {
  return Math.sqrt(await dot(a, a, rest));
}

/** target += factor · a */
export async function addScaled(target: Vector, factor: number, a: Vector, rest: Rest): Promise<void> {
  await inPieces(target.length, rest, (begin, end) => addPart(target, factor, a, begin, end));
}

/** target / divisor, in place. */
export async function divided(target: Float64Array, divisor: number, rest: Rest): Promise<Float64Array> {
  await inPieces(target.length, rest, (begin, end) => {
    for (let i = begin; i < end; i++) target[i] /= divisor;
  });
  return target;
}

/** factor · a, as float32. */
export async function scaled(a: Vector, factor: number, rest: Rest): Promise<Float32Array> {
  const result = new Float32Array(a.length);
  await addScaled(result, factor, a, rest);
  return result;
}

/** A direction of length 1, all equally likely (normal numbers by Box-Muller, in pairs). */
export async function randomDirection(size: number, random: Random, rest: Rest): Promise<Float32Array> {
  const values = new Float32Array(size);
  await inPieces(size, rest, (begin, end) => {
    for (let i = begin; i < end; i += 2) {
      const radius = Math.sqrt(-2 * Math.log(1 - random.uniform()));
      const angle = 2 * Math.PI * random.uniform();
      values[i] = radius * Math.cos(angle);
      if (i + 1 < end) values[i + 1] = radius * Math.sin(angle);
    }
  });
  return scaled(values, 1 / (await norm(values, rest)), rest);
}
