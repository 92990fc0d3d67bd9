// Strings as Python sees them. The reference programs split and strip by `str.isspace`, which is neither
// JavaScript's `\s` (no U+001C to U+001F, no U+0085, but U+FEFF) nor ASCII; and they sort by code point.

/** Whether a UTF-16 unit is white space to Python's `str.split`, `str.strip` and `\s`. */
export function isPythonSpace(unit: number): boolean {
  if (unit <= 0x20) return unit === 0x20 || (unit >= 9 && unit <= 13) || unit >= 0x1c;
  if (unit < 0x85) return false;
  if (unit === 0x85 || unit === 0xa0 || unit === 0x1680) return true;
  if (unit < 0x2000 || unit > 0x3000) return false;
  return (
    unit <= 0x200a ||
    unit === 0x2028 ||
    unit === 0x2029 ||
    unit === 0x202f ||
    unit === 0x205f ||
    unit === 0x3000
  );
}

/** `text.split()`: the words between white space, none of them empty. */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let start = -1;
  for (let i = 0; i < text.length; i++) {
    if (isPythonSpace(text.charCodeAt(i))) {
      if (start >= 0) words.push(text.slice(start, i));
      start = -1;
    } else if (start < 0) {
      start = i;
    }
  }
  if (start >= 0) words.push(text.slice(start));
  return words;
}

/** `text.rstrip()`. */
export function stripEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isPythonSpace(text.charCodeAt(end - 1))) end--;
  return end === text.length ? text : text.slice(0, end);
}

/** `text.strip()`. */
export function strip(text: string): string {
  const kept = stripEnd(text);
  let start = 0;
  while (start < kept.length && isPythonSpace(kept.charCodeAt(start))) start++;
  return kept.slice(start);
}

/** `len(text)`: code points, not UTF-16 units. */
export function codePointLength(text: string): number {
  let length = text.length;
  for (let i = 1; i < text.length; i++) {
    const high = (text.charCodeAt(i - 1) & 0xfc00) === 0xd800;
    if (high && (text.charCodeAt(i) & 0xfc00) === 0xdc00) length--;
  }
  return length;
}

/** The order of `sorted(...)`: by code point, where JavaScript's own order puts U+10000 before U+E000. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const bothOutsideSurrogates = (x & 0xf800) !== 0xd800 && (y & 0xf800) !== 0xd800;
    if (bothOutsideSurrogates || (x & 0xf800) === (y & 0xf800)) return x - y;
    return (x & 0xf800) === 0xd800 ? 1 : -1;
  }
  return a.length - b.length;
}

/** `f"{value:.{digits}f}"`: rounds exact ties to even, where `toFixed` rounds them up (0.125 to 0.12, not 0.13). */
export function formatFixed(value: number, digits: number): string {
  if (Number.isNaN(value)) return "nan";
  const rounded = value.toFixed(digits);
  const exact = Math.abs(value).toFixed(Math.min(100, digits + 60));
  const rest = exact.slice(exact.indexOf(".") + 1 + digits);
  const tie = rest.startsWith("5") && /^50*$/.test(rest);
  const kept = exact.slice(0, exact.indexOf(".") + 1 + digits).replace(/\.$/, "");
  if (!tie || Number(kept.at(-1)) % 2 === 1) return rounded;
  return value < 0 ? `-${kept}` : kept;
}
