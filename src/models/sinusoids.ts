// Position tables that are computed (Vaswani et al. 2017, arXiv:1706.03762, section 3.5).

/** Marian's, (positions, width): the sines of all frequencies, then the cosines. */
export function marianSinusoids(positions: number, width: number): Float32Array {
  const table = new Float32Array(positions * width);
  const sines = Math.ceil(width / 2);
  for (let position = 0; position < positions; position++) {
    const row = position * width;
    for (let j = 0; j < width; j++) {
      const pair = Math.floor(j / 2);
      const angle = position / 10000 ** ((2 * pair) / width);
      if (j % 2 === 0) table[row + pair] = Math.sin(angle);
      else table[row + sines + pair] = Math.cos(angle);
    }
  }
  return table;
}
