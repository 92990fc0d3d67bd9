// Reports of training runs: re-exports only.
export type { AttentionRow } from "./attention-maps.js";
export type { ClassPairs } from "./confusion.js";
export { type ReportParts, reportHtml } from "./page.js";
export { LOG_FILE, type RunLog, readRunLog } from "./run-log.js";
