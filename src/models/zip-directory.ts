// Where the files of a zip archive lie, for archives whose files are stored and not compressed, as PyTorch writes them.
// Source of the format: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3 (zip64).
import type { FileHandle } from "node:fs/promises";
import { AthanorError } from "../errors.js";
import { readFully } from "./safetensors-header.js";

/** Byte positions in the archive. */
export interface ZipEntry {
  begin: number;
  end: number;
}

const END_BYTES = 22;
const LARGEST_COMMENT = 65535;
const LOCATOR_BYTES = 20;
const END_64_BYTES = 56;
const LARGEST_DIRECTORY = 100_000_000;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;

/** @throws ERR_CHECKPOINT for an archive that is cut off, compressed, encrypted or contradicts itself */
export async function readZipDirectory(
  file: string,
  handle: FileHandle,
  size: number,
): Promise<Map<string, ZipEntry>> {
  const archive = new Archive(file, handle, size);
  const { begin, length, count } = await archive.directory();
  const listed = parseDirectory(archive, await archive.read(begin, length), count);
  const entries = new Map<string, ZipEntry>();
  for (const entry of listed) {
    if (entries.has(entry.name)) throw archive.fault("names of their own", JSON.stringify(entry.name));
    entries.set(entry.name, await archive.located(entry, begin));
  }
  return entries;
}

interface ListedEntry {
  name: string;
  bytes: number;
  /** Where its local header is. */
  local: number;
}

class Archive {
  constructor(
    private readonly file: string,
    private readonly handle: FileHandle,
    private readonly size: number,
  ) {}

  fault(needed: string, came: string): AthanorError {
    return new AthanorError("ERR_CHECKPOINT", `${this.file}: its archive needs ${needed}, got ${came}`);
  }

  async read(begin: number, length: number): Promise<Buffer> {
    if (!(Number.isSafeInteger(begin) && begin >= 0 && begin + length <= this.size)) {
      throw this.fault(`positions up to ${this.size}`, `${begin} and ${length} bytes`);
    }
    const bytes = Buffer.alloc(length);
    await readFully(this.file, this.handle, bytes, begin);
    return bytes;
  }

  async directory(): Promise<{ begin: number; length: number; count: number }> {
    const tailBegin = Math.max(0, this.size - END_BYTES - LARGEST_COMMENT);
    const tail = await this.read(tailBegin, this.size - tailBegin);
    const at = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
    if (at < 0 || at + END_BYTES > tail.length) throw this.fault("an end with its directory", "none");
    const end = tail.subarray(at);
    const count = end.readUInt16LE(10);
    const length = end.readUInt32LE(12);
    const begin = end.readUInt32LE(16);
    const isLarge = count === 0xffff || length === 0xffffffff || begin === 0xffffffff;
    const found = isLarge ? await this.#largeDirectory(tailBegin + at) : { begin, length, count };
    if (!(found.length <= LARGEST_DIRECTORY)) {
      throw this.fault(`a directory of at most ${LARGEST_DIRECTORY} bytes`, String(found.length));
    }
    return found;
  }

  async #largeDirectory(end: number): Promise<{ begin: number; length: number; count: number }> {
    const locator = await this.read(end - LOCATOR_BYTES, LOCATOR_BYTES);
    if (locator.readUInt32LE() !== 0x07064b50) throw this.fault("a zip64 locator", "none");
    const large = await this.read(Number(locator.readBigUInt64LE(8)), END_64_BYTES);
    if (large.readUInt32LE() !== 0x06064b50) throw this.fault("a zip64 directory", "none");
    const [count, length, begin] = [32, 40, 48].map((at) => Number(large.readBigUInt64LE(at)));
    return { begin, length, count };
  }

  /** Its bytes follow its local header, whose length the directory does not say. */
  async located({ name, bytes, local }: ListedEntry, directory: number): Promise<ZipEntry> {
    const header = await this.read(local, LOCAL_BYTES);
    if (header.readUInt32LE() !== 0x04034b50) throw this.fault(`a header of ${JSON.stringify(name)}`, "none");
    const begin = local + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
    const end = begin + bytes;
    if (!(end <= directory)) {
      throw this.fault(`${JSON.stringify(name)} to end by ${directory}`, String(end));
    }
    return { begin, end };
  }
}

function parseDirectory(archive: Archive, bytes: Buffer, count: number): ListedEntry[] {
  const entries: ListedEntry[] = [];
  for (let at = 0; entries.length < count; ) {
    if (at + ENTRY_BYTES > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) {
      throw archive.fault(`${count} entries`, String(entries.length));
    }
    const flags = bytes.readUInt16LE(at + 8);
    const method = bytes.readUInt16LE(at + 10);
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((part) => bytes.readUInt16LE(at + part));
    const next = at + ENTRY_BYTES + nameBytes + extraBytes + commentBytes;
    if (next > bytes.length) throw archive.fault(`${count} entries`, String(entries.length));
    const name = bytes.toString("utf8", at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes);
    const extra = bytes.subarray(at + ENTRY_BYTES + nameBytes, next - commentBytes);
    const short = [24, 20, 42].map((part) => bytes.readUInt32LE(at + part));
    const [size, packed, local] = longer(archive, short, extra);
    if (method !== 0 || (flags & 1) !== 0 || size !== packed) {
      throw archive.fault(
        "files that are stored as they are",
        `${JSON.stringify(name)} compressed or encrypted`,
      );
    }
    if (!Number.isSafeInteger(size)) throw archive.fault("sizes that can be counted", String(size));
    entries.push({ name, bytes: size, local });
    at = next;
  }
  return entries;
}

/** The 64-bit values of a zip64 extra field in place of those that say that they are there. */
function longer(archive: Archive, short: readonly number[], extra: Buffer): number[] {
  let at = 0;
  while (at + 4 <= extra.length && extra.readUInt16LE(at) !== 1) at += 4 + extra.readUInt16LE(at + 2);
  let next = at + 4;
  return short.map((value) => {
    if (value !== 0xffffffff) return value;
    if (next + 8 > extra.length) throw archive.fault("a zip64 size", "none");
    next += 8;
    return Number(extra.readBigUInt64LE(next - 8));
  });
}
