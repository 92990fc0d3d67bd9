// One open Parquet file: the border to hyparquet. Its errors become ERR_DATA, its bytes come from our file handle
// (a gzipped file is unpacked into a temporary one first: the format is read from its end).

import { createWriteStream } from "node:fs";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { types } from "node:util";
import { createGunzip } from "node:zlib";
import type { AsyncBuffer, FileMetaData } from "hyparquet";
import { AthanorError } from "../errors.js";
import { isGzip, openFile, shown } from "./text-source.js";

/** An open file. */
export interface ParquetFile {
  rows: number;
  columns: string[];
  labels: Record<string, string[]>;
  /** Rows of each row group. */
  groups: number[];
  /** The cells of rows from `first` up to, without, `end`, in the order of `columns`. */
  read(first: number, end: number, columns: string[]): Promise<unknown[][]>;
  close(): Promise<void>;
}

/** Opens a file. Rejects with ERR_DATA when it is missing or not Parquet. */
export async function openParquet(path: string): Promise<ParquetFile> {
  const source = await openBytes(path);
  try {
    const library = await loadLibrary();
    const metadata = await decoded(path, () => library.parquetMetadataAsync(source.bytes));
    return parquetFile(path, metadata, source, library);
  } catch (error) {
    await source.close();
    throw error;
  }
}

type Library = Awaited<ReturnType<typeof loadLibrary>>;

/** Loaded when first needed: it would double the time that `athanor/data` takes to load. */
async function loadLibrary() {
  const [hyparquet, { compressors }] = await Promise.all([
    import("hyparquet"),
    import("hyparquet-compressors"),
  ]);
  return { ...hyparquet, compressors };
}

function parquetFile(
  path: string,
  metadata: FileMetaData,
  { bytes, close }: Source,
  { parquetRead, parquetSchema, compressors }: Library,
): ParquetFile {
  const all = parquetSchema(metadata).children.map(({ element }) => element.name);
  return {
    rows: Number(metadata.num_rows),
    columns: all,
    labels: classNames(metadata),
    groups: metadata.row_groups.map(({ num_rows }) => Number(num_rows)),
    close,
    read: async (rowStart, rowEnd, columns) => {
      let rows: unknown[][] = [];
      const onComplete = (found: unknown[][]) => {
        rows = found;
      };
      const where = `${path} rows ${rowStart + 1} to ${rowEnd}`;
      await decoded(where, () =>
        parquetRead({
          file: bytes,
          metadata,
          compressors,
          columns,
          rowStart,
          rowEnd,
          onComplete,
          utf8: false,
          parsers: { stringFromBytes: checkedText },
        }),
      );
      if (rows.length !== rowEnd - rowStart || rows.some((row) => row.length !== columns.length)) {
        throw new AthanorError(
          "ERR_DATA",
          `${where}: needs all rows and columns, got fewer: the file is damaged`,
        );
      }
      for (const row of rows) for (let i = 0; i < row.length; i++) row[i] = plain(row[i]);
      return rows;
    },
  };
}

interface Source {
  bytes: AsyncBuffer;
  close: () => Promise<void>;
}

async function openBytes(path: string): Promise<Source> {
  const handle = await openFile(path);
  if (!(await isGzip(handle))) return await sourceOf(handle, () => handle.close());
  const folder = await mkdtemp(join(tmpdir(), "athanor-parquet-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    const unpacked = join(folder, "unpacked");
    const raw = handle.createReadStream({ start: 0, autoClose: false });
    await pipeline(raw, createGunzip(), createWriteStream(unpacked)).catch((cause: Error) => {
      const came = `got ${shown(cause.message)}`;
      throw new AthanorError("ERR_DATA", `${path}: needs a whole gzip file, ${came}`, { cause });
    });
    const inner = await open(unpacked);
    return await sourceOf(inner, async () => {
      await inner.close();
      await remove();
    });
  } catch (error) {
    await remove();
    throw error;
  } finally {
    await handle.close();
  }
}

async function sourceOf(handle: FileHandle, close: () => Promise<void>): Promise<Source> {
  const { size } = await handle.stat();
  const slice = async (start: number, end = size): Promise<ArrayBuffer> => {
    const length = Math.min(end, size) - start;
    if (!(start >= 0 && length >= 0)) throw new Error(`bytes ${start} to ${end} of ${size}`);
    const bytes = new Uint8Array(length);
    const { bytesRead } = await handle.read(bytes, 0, length, start);
    if (bytesRead !== length) throw new Error(`only ${bytesRead} of ${length} bytes at ${start}`);
    return bytes.buffer;
  };
  return { bytes: { byteLength: size, slice }, close };
}

async function decoded<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const came = `got ${shown((cause as Error).message)}`;
    throw new AthanorError("ERR_DATA", `${where}: needs a whole Parquet file with text in UTF-8, ${came}`, {
      cause,
    });
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function checkedText(bytes: Uint8Array | undefined): string | undefined {
  return bytes && decoder.decode(bytes);
}

/** A value without what only the file format has: 64-bit integers as numbers where exact, undefined as null. */
function plain(value: unknown): unknown {
  if (typeof value === "string" || typeof value === "number") return value;
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (Array.isArray(value)) return value.map(plain);
  if (types.isBigInt64Array(value) || types.isBigUint64Array(value)) return Array.from(value, plain);
  if (typeof value !== "object" || ArrayBuffer.isView(value) || types.isDate(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, plain(entry)]));
}

/** The names of ClassLabel features, which `datasets` writes as JSON beside the schema. */
function classNames(metadata: FileMetaData): Record<string, string[]> {
  const entry = metadata.key_value_metadata?.find(({ key }) => key === "huggingface");
  const labels: Record<string, string[]> = {};
  let features: unknown;
  try {
    features = JSON.parse(entry?.value ?? "{}")?.info?.features;
  } catch {
    return labels; // Another program's entry of that name is not a fault of the rows.
  }
  for (const [column, feature] of Object.entries(features ?? {})) {
    const names = namesOf(feature) ?? namesOf((feature as { feature?: unknown })?.feature);
    if (names !== undefined) labels[column] = names;
  }
  return labels;
}

function namesOf(feature: unknown): string[] | undefined {
  const { _type, names } = (feature ?? {}) as { _type?: unknown; names?: unknown };
  const fits = _type === "ClassLabel" && Array.isArray(names);
  return fits && names.every((name) => typeof name === "string") ? names : undefined;
}
