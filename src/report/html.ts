// Text as HTML.

const ENTITIES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function escaped(text: unknown): string {
  return String(text).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** JSON that can stand in a script element. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value).replace(/</g, "\\u003c");
}

/** Two columns: names and values, of which `undefined` is left out. */
export function factTable(facts: Record<string, unknown>): string {
  const rows = Object.entries(facts).filter(([, value]) => value !== undefined);
  const cells = rows.map(
    ([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(shown(value))}</td></tr>`,
  );
  return `<table class="facts">${cells.join("\n")}</table>`;
}

export function shown(value: unknown): string {
  if (typeof value === "number")
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(5)));
  return typeof value === "string" ? value : JSON.stringify(value);
}
