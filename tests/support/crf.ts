// A linear-chain CRF in float64 by the textbook's forward and backward sums: losses and gradients of their sum; and the
// best path, ties by the smaller tag.
interface Problem {
  offsets: readonly number[];
  emissions: ArrayLike<number>;
  transitions: ArrayLike<number>;
  start: ArrayLike<number>;
  end: ArrayLike<number>;
  tags: number;
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i);

function logSum(values: readonly number[]): number {
  const most = Math.max(...values);
  if (most === Number.NEGATIVE_INFINITY) return most;
  return most + Math.log(values.reduce((sum, v) => sum + Math.exp(v - most), 0));
}

/** Log sums over what comes before each row and tag, and after. */
function sums(p: Problem, begin: number, length: number) {
  const { tags, emissions, transitions } = p;
  const e = (t: number, j: number) => emissions[(begin + t) * tags + j];
  const before: number[][] = [range(tags).map((j) => p.start[j] + e(0, j))];
  for (let t = 1; t < length; t++) {
    before.push(
      range(tags).map(
        (j) => e(t, j) + logSum(range(tags).map((i) => before[t - 1][i] + transitions[i * tags + j])),
      ),
    );
  }
  const after: number[][] = new Array(length);
  after[length - 1] = range(tags).map((j) => p.end[j]);
  for (let t = length - 2; t >= 0; t--) {
    after[t] = range(tags).map((i) =>
      logSum(range(tags).map((j) => transitions[i * tags + j] + e(t + 1, j) + after[t + 1][j])),
    );
  }
  return { e, before, after, total: logSum(range(tags).map((j) => before[length - 1][j] + p.end[j])) };
}

export function crfReference(p: Problem & { labels: readonly number[] }) {
  const { offsets, tags, transitions } = p;
  const losses: number[] = [];
  const gradients = {
    emissions: new Float64Array(p.emissions.length),
    transitions: new Float64Array(tags * tags),
    start: new Float64Array(tags),
    end: new Float64Array(tags),
  };
  for (let b = 0; b + 1 < offsets.length; b++) {
    const [begin, length] = [offsets[b], offsets[b + 1] - offsets[b]];
    if (length === 0) {
      losses.push(0);
      continue;
    }
    const labels = p.labels.slice(begin, begin + length);
    const { e, before, after, total } = sums(p, begin, length);
    let score = p.start[labels[0]] + p.end[labels[length - 1]];
    for (let t = 0; t < length; t++) {
      score += e(t, labels[t]);
      if (t > 0) score += transitions[labels[t - 1] * tags + labels[t]];
      for (let j = 0; j < tags; j++) {
        const d = Math.exp(before[t][j] + after[t][j] - total) - (j === labels[t] ? 1 : 0);
        gradients.emissions[(begin + t) * tags + j] = d;
        if (t === 0) gradients.start[j] += d;
        if (t === length - 1) gradients.end[j] += d;
        for (let i = 0; t > 0 && i < tags; i++) {
          const pair = before[t - 1][i] + transitions[i * tags + j] + e(t, j) + after[t][j] - total;
          gradients.transitions[i * tags + j] +=
            Math.exp(pair) - (i === labels[t - 1] && j === labels[t] ? 1 : 0);
        }
      }
    }
    losses.push(total - score);
  }
  return { losses, gradients };
}

export function crfBestPath(p: Problem): { path: number[]; scores: number[] } {
  const { offsets, tags, transitions, emissions } = p;
  const path: number[] = [];
  const scores: number[] = [];
  const firstLargest = (values: readonly number[]) =>
    values.reduce((best, v, i) => (v > values[best] ? i : best), 0);
  for (let b = 0; b + 1 < offsets.length; b++) {
    const [begin, length] = [offsets[b], offsets[b + 1] - offsets[b]];
    if (length === 0) {
      scores.push(0);
      continue;
    }
    let best = range(tags).map((j) => p.start[j] + emissions[begin * tags + j]);
    const from: number[][] = [];
    for (let t = 1; t < length; t++) {
      const led = range(tags).map((j) => firstLargest(best.map((v, i) => v + transitions[i * tags + j])));
      best = led.map((i, j) => best[i] + transitions[i * tags + j] + emissions[(begin + t) * tags + j]);
      from.push(led);
    }
    const ended = best.map((v, j) => v + p.end[j]);
    const found = [firstLargest(ended)];
    scores.push(ended[found[0]]);
    for (const led of from.reverse()) found.unshift(led[found[0]]);
    path.push(...found);
  }
  return { path, scores };
}
