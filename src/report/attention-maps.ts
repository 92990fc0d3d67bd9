// What each token looks at: attention weights as pictures, a layer at a time.
import pngjs from "pngjs";
import { escaped } from "./html.js";

/** The attention of one row. */
export interface AttentionRow {
  /** What the row is: "row 3". */
  title: string;
  tokens: string[];
  /** Weights of each layer (H, L, L): row i is what token i looks at, with a sum of 1. */
  layers: { heads: number; weights: Float32Array }[];
}

// Pixels of a token's cell in the mean over heads, and the room for its name.
const CELL = 16;
const NAMES = 110;

/** A folding element for each layer: the mean over heads with the tokens' names, and all heads small. */
export function attentionSection({ title, tokens, layers }: AttentionRow): string {
  const parts = layers.map(({ heads, weights }, layer) => {
    const mean = meanOverHeads(weights, heads, tokens.length);
    const open = layer === layers.length - 1 ? " open" : "";
    return `<details${open}><summary>Layer ${layer}</summary>
${labelledMap(mean, tokens)}
<p>Heads 0 to ${heads - 1}:</p>
${headPictures(weights, heads, tokens.length)}</details>`;
  });
  return `<h3>${escaped(title)}</h3><p>Rows look at columns; the darker, the more.</p>${parts.join("\n")}`;
}

function meanOverHeads(weights: Float32Array, heads: number, length: number): Float32Array {
  const mean = new Float32Array(length * length);
  for (let i = 0; i < weights.length; i++) mean[i % mean.length] += weights[i] / heads;
  return mean;
}

function labelledMap(mean: Float32Array, tokens: readonly string[]): string {
  const side = tokens.length * CELL;
  const middle = (i: number) => NAMES + i * CELL + CELL / 2 + 4;
  const names = tokens.flatMap((token, i) => {
    const text = escaped(token);
    return [
      `<text x="${NAMES - 4}" y="${middle(i)}" text-anchor="end">${text}</text>`,
      `<text transform="translate(${middle(i)} ${NAMES - 4}) rotate(-90)">${text}</text>`,
    ];
  });
  const size = side + NAMES;
  return `<svg class="map" width="${size}" height="${size}" viewBox="0 0 ${size} ${size}" role="img">
<image x="${NAMES}" y="${NAMES}" width="${side}" height="${side}" href="${picture(mean, tokens.length, tokens.length)}"/>
${names.join("\n")}</svg>`;
}

/** The heads side by side. */
function headPictures(weights: Float32Array, heads: number, length: number): string {
  const area = length * length;
  const pictures = Array.from({ length: heads }, (_, head) => {
    const values = weights.subarray(head * area, (head + 1) * area);
    return `<img alt="head ${head}" title="head ${head}" width="${3 * length}" height="${3 * length}" src="${picture(values, length, length)}">`;
  });
  return `<div class="heads">${pictures.join("\n")}</div>`;
}

/** A PNG as a data address; 0 is white, 1 is black, with the square root between so that small weights are seen. */
function picture(values: Float32Array, width: number, height: number): string {
  const png = new pngjs.PNG({
    width,
    height,
    colorType: 0,
    inputColorType: 0,
    bitDepth: 8,
    inputHasAlpha: false,
  });
  const pixels = Buffer.from(values.map((value) => Math.round(255 * (1 - Math.sqrt(Math.min(1, value))))));
  png.data = pixels;
  const bytes = pngjs.PNG.sync.write(png, {
    colorType: 0,
    inputColorType: 0,
    bitDepth: 8,
    inputHasAlpha: false,
  });
  return `data:image/png;base64,${bytes.toString("base64")}`;
}
