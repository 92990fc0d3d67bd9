// The real data of tests/fixtures/data.
import { fileURLToPath } from "node:url";

const root = new URL("../../../", import.meta.url);

export const fixture = (name: string): string => fileURLToPath(new URL(`tests/fixtures/data/${name}`, root));

/** The rows that a parser makes of a text that comes in pieces of `size` characters. */
export async function inPieces(
  parser: { push(text: string, final: boolean): object[] | Promise<object[]> },
  text: string,
  size: number,
): Promise<object[]> {
  const rows: object[] = [];
  for (let at = 0; at < text.length; at += size)
    rows.push(...(await parser.push(text.slice(at, at + size), false)));
  rows.push(...(await parser.push("", true)));
  return rows;
}
