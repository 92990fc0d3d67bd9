// Attention in float64, by the formulas as they stand: the reference of the op's test.
export interface AttentionCase {
  q: Float32Array; // (Tq, H*D)
  k: Float32Array; // (Tk, H*D)
  v: Float32Array; // (Tk, H*D)
  heads: number;
  size: number;
  offsets: number[];
  keyOffsets: number[];
  causal?: boolean;
  scale: number;
  bias?: { data: Float32Array; shape: number[] };
  /** Factor of a probability: 0 or 1 / (1 - p). */
  mask?: (row: number, head: number, key: number) => number;
  /** Gradient at the output. */
  upstream: Float32Array;
}

export interface AttentionValues {
  output: Float64Array;
  weights: Float64Array;
  dq: Float64Array;
  dk: Float64Array;
  dv: Float64Array;
  dbias: Float64Array;
}

export function attentionReference(c: AttentionCase): AttentionValues {
  let count = 0;
  for (let b = 0; b + 1 < c.offsets.length; b++) {
    count += c.heads * (c.offsets[b + 1] - c.offsets[b]) * (c.keyOffsets[b + 1] - c.keyOffsets[b]);
  }
  const result: AttentionValues = {
    output: new Float64Array(c.q.length),
    weights: new Float64Array(count),
    dq: new Float64Array(c.q.length),
    dk: new Float64Array(c.k.length),
    dv: new Float64Array(c.v.length),
    dbias: new Float64Array(c.bias?.data.length ?? 0),
  };
  let at = 0;
  for (let b = 0; b + 1 < c.offsets.length; b++) {
    const keys = c.keyOffsets[b + 1] - c.keyOffsets[b];
    for (let head = 0; head < c.heads; head++) {
      for (let i = 0; i < c.offsets[b + 1] - c.offsets[b]; i++, at += keys) {
        const row = attendRow(c, result, b, head, i);
        result.weights.set(row, at);
      }
    }
  }
  return result;
}

// Adds what query i of (b, head) gives to the output and all gradients; returns its probabilities.
function attendRow(c: AttentionCase, r: AttentionValues, b: number, head: number, i: number): Float64Array {
  const [rows, keys] = [c.offsets[b + 1] - c.offsets[b], c.keyOffsets[b + 1] - c.keyOffsets[b]];
  const { size, scale } = c;
  const width = c.heads * size;
  const row = c.offsets[b] + i;
  const q = row * width + head * size;
  const key = c.keyOffsets[b] * width + head * size; // of key 0
  const shape = c.bias?.shape ?? [0, 0, 0, 0];
  const bias = (((shape[0] === 1 ? 0 : b) * shape[1] + head) * shape[2] + i) * shape[3];
  const seen = c.causal ? Math.max(0, Math.min(keys, i + keys - rows + 1)) : keys;
  const p = new Float64Array(seen);
  let largest = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < seen; j++) {
    for (let d = 0; d < size; d++) p[j] += scale * c.q[q + d] * c.k[key + j * width + d];
    if (c.bias) p[j] += c.bias.data[bias + j];
    largest = Math.max(largest, p[j]);
  }
  let total = 0;
  for (let j = 0; j < seen; j++) {
    p[j] = Math.exp(p[j] - largest);
    total += p[j];
  }
  const [dp, factor] = [new Float64Array(seen), new Float64Array(seen).fill(1)];
  let delta = 0;
  for (let j = 0; j < seen; j++) {
    p[j] /= total;
    if (c.mask) factor[j] = c.mask(row, head, j);
    for (let d = 0; d < size; d++) {
      const v = key + j * width + d;
      r.output[q + d] += p[j] * factor[j] * c.v[v];
      r.dv[v] += p[j] * factor[j] * c.upstream[q + d];
      dp[j] += factor[j] * c.upstream[q + d] * c.v[v];
    }
    delta += p[j] * dp[j];
  }
  for (let j = 0; j < seen; j++) {
    const ds = p[j] * (dp[j] - delta);
    if (c.bias) r.dbias[bias + j] += ds;
    for (let d = 0; d < size; d++) {
      r.dq[q + d] += scale * ds * c.k[key + j * width + d];
      r.dk[key + j * width + d] += scale * ds * c.q[q + d];
    }
  }
  return p;
}
