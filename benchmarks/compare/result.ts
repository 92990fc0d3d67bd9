// What a comparison records: the lines of a results file.

/** One engine in a workload. */
export interface EngineResult {
  label: string;
  /** Why there are no samples. */
  unavailable?: string;
  note?: string;
  median_ms?: number;
  spread_ms?: [number, number];
  samples?: number;
  disturbed?: number;
  /** Runs in a sample. */
  repeats?: number;
  gflop_s?: number;
  gb_s?: number;
  /** Of the measured peak: multiply-adds for gflop_s; for gb_s what memory gave just before and after. */
  share?: number;
  /** Median of what memory gave. */
  read_gb_s?: number;
  tokens_s?: number;
  peak_mb?: number;
  losses?: number[];
  /** Largest difference from the first engine's results, and the largest result. */
  difference?: number;
  largest?: number;
  /** Results that cannot be compared at all. */
  mismatch?: string;
  /** Every sample: milliseconds, and the lower of its two checks as a share of the best. */
  all?: [number, number][];
}

/** A line of a results file. */
export interface WorkloadResult {
  kind: "workload";
  name: string;
  engines: EngineResult[];
  note?: string;
  /** Losses without dropout, by label. */
  lossCheck?: Record<string, number[]>;
  seconds: number;
}
