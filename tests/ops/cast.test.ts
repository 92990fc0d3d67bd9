import { describe, expect, test } from "@jest/globals";
import { cast, mul, slice } from "../../src/tensor/ops.js";
import { type DType, type Tensor, tensor } from "../../src/tensor/tensor.js";
import { expectCode, expectSameBits, onCuda, randomData } from "../support/ops.js";

const bits = (t: Tensor | null) => t!.dataSync() as Float32Array;
const nan = Number.NaN;
const inf = Number.POSITIVE_INFINITY;

/** The nearest bf16, ties to even. */
function toBf16(x: number): number {
  const word = new Uint32Array(new Float32Array([x]).buffer);
  word[0] = ((word[0] + 0x7fff + ((word[0] >>> 16) & 1)) & 0xffff0000) >>> 0;
  return new Float32Array(word.buffer)[0];
}

describe("cast", () => {
  const values = [
    0,
    0.9,
    -0.9,
    1.5,
    -1.5,
    127,
    127.9,
    128,
    -128.9,
    -129,
    255.5,
    256,
    -1,
    3e9,
    -3e9,
    inf,
    -inf,
    nan,
  ];
  const expected: Record<string, number[]> = {
    i8: [0, 0, 0, 1, -1, 127, 127, 127, -128, -128, 127, 127, -1, 127, -128, 127, -128, 0],
    u8: [0, 0, 0, 1, 0, 127, 127, 128, 0, 0, 255, 255, 0, 255, 0, 255, 0, 0],
    i32: [
      0, 0, 0, 1, -1, 127, 127, 128, -128, -129, 255, 256, -1, 2147483647, -2147483648, 2147483647,
      -2147483648, 0,
    ],
  };
  for (const dtype of ["i8", "u8", "i32"] as const) {
    test(`f32 to ${dtype}: towards zero, saturating, NaN to 0`, () => {
      const y = cast(tensor(values, [values.length]), dtype);
      expect(y.dtype).toBe(dtype);
      expect([...y.dataSync()]).toEqual(expected[dtype]);
    });
  }

  test("f32 to bf16 and back: nearest, ties to even, NaN and infinity kept", () => {
    const data = [
      ...randomData([1000], 1),
      1 + 2 ** -8,
      1 + 3 * 2 ** -8,
      1 + 2 ** -8 + 2 ** -20,
      0,
      -0,
      1e-40,
      inf,
      -inf,
    ];
    const y = cast(tensor(data, [data.length]), "bf16");
    expect(y.dtype).toBe("bf16");
    expect([...bits(cast(y, "f32"))]).toEqual(data.map((x) => toBf16(Math.fround(x))));
    expect(bits(cast(cast(tensor([nan], [1]), "bf16"), "f32"))[0]).toBeNaN();
  });

  test("integers to each other and to floats", () => {
    const numbers = [-2147483648, -129, -128, -1, 0, 1, 127, 128, 255, 256, 16777217, 2147483647];
    const x = tensor(numbers, [numbers.length], { dtype: "i32" });
    expect([...cast(x, "i8").dataSync()]).toEqual([-128, -128, -128, -1, 0, 1, 127, 127, 127, 127, 127, 127]);
    expect([...cast(x, "u8").dataSync()]).toEqual([0, 0, 0, 0, 0, 1, 127, 128, 255, 255, 255, 255]);
    expect([...cast(x, "f32").dataSync()]).toEqual(numbers.map(Math.fround));
    expect([...cast(x, "i32").dataSync()]).toEqual(numbers);
    const small = tensor([-128, -1, 0, 127], [4], { dtype: "i8" });
    expect([...cast(small, "i32").dataSync()]).toEqual([-128, -1, 0, 127]);
    expect([...cast(small, "u8").dataSync()]).toEqual([0, 0, 0, 127]);
    expect([...cast(small, "bf16").dataSync()]).toEqual([-128, -1, 0, 127]);
    const bytes = tensor([0, 128, 255], [3], { dtype: "u8" });
    expect([...cast(bytes, "i8").dataSync()]).toEqual([0, 127, 127]);
    expect([...cast(bytes, "f32").dataSync()]).toEqual([0, 128, 255]);
    expect([...cast(cast(tensor([1.5, -300], [2]), "bf16"), "i8").dataSync()]).toEqual([1, -128]);
  });

  test("every pair of dtypes, empty and long", () => {
    const dtypes: DType[] = ["f32", "bf16", "i32", "i8", "u8"];
    for (const from of dtypes) {
      for (const to of dtypes) {
        expect(cast(tensor([], [0, 3], { dtype: from }), to).dataSync().length).toBe(0);
        const long = Float32Array.from({ length: 40_001 }, (_, i) => i % 100);
        expectSameBits(
          cast(tensor(long, [40_001], { dtype: from }), to).dataSync(),
          long,
          `${from} to ${to}`,
        );
      }
    }
  });

  test("a range of columns; Tensor.to", () => {
    const x = slice(tensor([1.5, 2.5, 3.5, 4.5], [2, 2]), 1, 2, 1);
    expect([...cast(x, "i32").dataSync()]).toEqual([2, 4]);
    expect([...x.to("u8").dataSync()]).toEqual([2, 4]);
  });

  test("the gradient passes between f32 and bf16: on the CPU unrounded, on CUDA in the tensor's type", () => {
    const x = tensor([1, 2, 3], [3], { requiresGrad: true });
    const factor = tensor([1 + 2 ** -12, 5, 7], [3]);
    mul(cast(cast(cast(x, "bf16"), "f32"), "f32"), factor).backward(tensor([1, 1, 1], [3]));
    expect([...bits(x.grad)]).toEqual([onCuda() ? 1 : Math.fround(1 + 2 ** -12), 5, 7]);
  });

  test("a bf16 gradient at a bf16 result", () => {
    const x = tensor([1, 2], [2], { requiresGrad: true });
    cast(x, "bf16").backward(tensor([0.5, 3], [2], { dtype: "bf16" }));
    expect(x.grad!.dtype).toBe("f32");
    expect([...bits(x.grad)]).toEqual([0.5, 3]);
  });

  test("integers have no gradient", () => {
    const x = tensor([1, 2], [2], { requiresGrad: true });
    expect(cast(x, "i32").requiresGrad).toBe(false);
    expect(cast(cast(x, "i8"), "f32").requiresGrad).toBe(false);
  });

  test("misuse", () => {
    expectCode(() => cast(tensor([1], [1]), "f64" as never), "ERR_DTYPE", "dtype must be one of");
    expectCode(() => cast(1 as never, "f32"), "ERR_ARGUMENT", "x must");
  });
});
