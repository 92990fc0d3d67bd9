// Numbers by name as a table for people.

/** A line for each entry, names left and values right; counts above 1 as they are, other numbers with four decimals. */
export function tableOf(values: Record<string, number | string>): string {
  const lines = Object.entries(values).map(([name, value]) => [name, shownValue(value)]);
  const width = Math.max(0, ...lines.map(([name]) => name.length));
  const valueWidth = Math.max(0, ...lines.map(([, value]) => value.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value.padStart(valueWidth)}`).join("\n");
}

export function shownValue(value: number | string): string {
  if (typeof value === "string") return value;
  if (Number.isInteger(value) && Math.abs(value) > 1) return String(value);
  if (value === 0) return "0.0000";
  return Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6 ? value.toExponential(3) : value.toFixed(4);
}
