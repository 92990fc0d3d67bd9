// Eigenvalues and eigenvectors of small symmetric matrices, by cyclic Jacobi rotations (Golub & Van Loan, "Matrix
// Computations", section 8.5).
import type { Rest } from "../training/rest.js";

export interface Eigen {
  /** In descending order. */
  values: number[];
  /** `vectors[i]`: of length 1, to `values[i]`. */
  vectors: number[][];
}

const SWEEPS = 60;

/** The event loop has its turn between rows. @param matrix (n, n), symmetric */
export async function symmetricEigen(matrix: readonly (readonly number[])[], rest: Rest): Promise<Eigen> {
  const a = matrix.map((row) => [...row]);
  const size = a.length;
  const rows = a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < SWEEPS && isCoupled(a); sweep++) {
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) rotate(a, rows, p, q);
      await rest.ifDue();
    }
  }
  const order = a.map((_, i) => i).sort((i, j) => a[j][j] - a[i][i]);
  return { values: order.map((i) => a[i][i]), vectors: order.map((i) => rows[i]) };
}

function isCoupled(a: readonly (readonly number[])[]): boolean {
  let [off, all] = [0, 0];
  a.forEach((row, i) => {
    row.forEach((value, j) => {
      all += value * value;
      if (i !== j) off += value * value;
    });
  });
  return off > 1e-30 * all;
}

/** Makes a[p][q] zero. */
function rotate(a: number[][], rows: number[][], p: number, q: number): void {
  if (a[p][q] === 0) return;
  const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i][p], a[i][q]];
    [a[i][p], a[i][q]] = [c * x - s * y, s * x + c * y];
  }
  turn(a, p, q, c, s);
  turn(rows, p, q, c, s);
}

function turn(rows: number[][], p: number, q: number, c: number, s: number): void {
  for (let i = 0; i < rows.length; i++) {
    const [x, y] = [rows[p][i], rows[q][i]];
    [rows[p][i], rows[q][i]] = [c * x - s * y, s * x + c * y];
  }
}
