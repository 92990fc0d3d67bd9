// Weibo NER (golden-horse): every character carries one digit, its position in a word.
import type { DataRow } from "../../training/task.js";
import { columnOf, rowFault } from "../rows.js";

/**
 * Rows whose tokens are without the digit at their end, as the Weibo NER corpus has it ("科0", "技1").
 *
 * @throws ERR_DATA naming a row whose column is no list of tokens that end in a digit after at least one character
 * @example
 * const rows = withoutPositionDigits(await readConll("weiboNER_2nd_conll.train.gz"));
 */
export function withoutPositionDigits<T extends DataRow>(rows: readonly T[], column = "tokens"): T[] {
  return rows.map((row, index) => {
    const tokens = columnOf(row, column);
    if (!Array.isArray(tokens))
      throw rowFault("withoutPositionDigits", index, column, "a list of tokens", tokens);
    const bare = tokens.map((token) => {
      if (typeof token === "string" && /^.+[0-9]$/su.test(token)) return token.slice(0, -1);
      throw rowFault("withoutPositionDigits", index, column, "made of tokens that end in a digit", token);
    });
    return { ...row, [column]: bare };
  });
}
