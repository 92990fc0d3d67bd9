// Where a name given to `fromPretrained` or `readDataset` leads: to a folder, or through the Hub into the cache's folder of a commit.

import { stat } from "node:fs/promises";
import { AthanorError } from "../errors.js";
import { COMMIT, RepositoryCache, type RepositoryType } from "./cache.js";
import { HubClient, type HubFile, type HubListing, Unreachable } from "./client.js";
import { type DownloadContext, ensureBlob, rested } from "./download.js";
import { follow } from "./patience.js";
import { type HubOptions, type HubSettings, hubSettings } from "./settings.js";

/** Which files of a repository a caller needs. */
export interface WantedFiles {
  /** What the repository holds; default "model". */
  of?: RepositoryType;
  /** What they are, for messages: "a tokenizer". */
  what: string;
  /** Those to fetch, of the names that are there. Throws ERR_HUB when what is needed is not among them. */
  choose(names: readonly string[]): string[];
  /** Those that files fetched so far name in turn, such as the shards of an index. */
  more?(folder: string): Promise<string[]>;
}

// One name, or an organisation's: letters, digits, and . _ - between them.
const REPOSITORY = /^(?:[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/i;
const FILES_AT_ONCE = 4;
const LIST_TRIES = 3;
const FIRST_PAUSE_MS = 200;

/**
 * The folder that a name leads to. A folder leads to itself; so does what cannot be a repository's name, such as a
 * path that begins with a dot or a slash. Otherwise the wanted files are fetched from the Hub into its cache, as far
 * as they are not there. Without a connection the cached files are taken, if they are complete.
 *
 * @throws AthanorError (rejection): ERR_HUB no such repository, no access, no connection, a wrong hash, or a
 *   repository without what is needed; ERR_ABORTED; ERR_ARGUMENT for settings that make no sense.
 */
export async function pretrainedFolder(
  who: string,
  name: string,
  wanted: WantedFiles,
  options: HubOptions = {},
): Promise<string> {
  if (!isRepositoryName(name) || (await exists(name))) return name;
  const settings = await hubSettings(options);
  try {
    return await repositoryFolder(name, wanted, settings);
  } catch (error) {
    const { code, message, cause } = error as AthanorError;
    if (code !== "ERR_HUB" && code !== "ERR_ABORTED") throw error;
    const repository = wanted.of === "dataset" ? "data set" : "repository";
    const absent = code === "ERR_HUB" ? `no folder "${name}" here, and as a ${repository} of the Hub: ` : "";
    throw new AthanorError(code, `${who}: ${absent}${message}`, { cause });
  }
}

function isRepositoryName(name: string): boolean {
  return REPOSITORY.test(name) && !name.includes("--") && !name.includes("..") && name.length <= 96;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function repositoryFolder(name: string, wanted: WantedFiles, settings: HubSettings): Promise<string> {
  const { of: type = "model" } = wanted;
  const cache = new RepositoryCache(settings.cache, name, type);
  const cached = await cachedFolder(cache, wanted, settings.revision);
  const fixed = COMMIT.test(settings.revision);
  if (settings.offline || (fixed && cached.folder !== undefined)) {
    if (cached.folder !== undefined) return cached.folder;
    const how = "HF_HUB_OFFLINE or localFilesOnly says to take what is cached";
    throw new AthanorError(
      "ERR_HUB",
      `${how}, and ${settings.cache} ${cached.lack}: run once with a connection`,
    );
  }
  const client = new HubClient(name, settings, type);
  let listing: HubListing;
  try {
    listing = await listed(client, settings);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    if (cached.folder !== undefined) return cached.folder;
    const needed = `${settings.endpoint} must answer (HF_ENDPOINT names another), got ${error.message}`;
    throw new AthanorError("ERR_HUB", `${needed}; ${settings.cache} ${cached.lack}`, { cause: error });
  }
  try {
    await fetchFiles(name, cache, settings, listing, wanted);
    await cache.remember(settings.revision, listing.commit);
  } catch (error) {
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    const needed = `the cache ${settings.cache} must have room and be writable (HF_HOME or cacheDir names another)`;
    throw new AthanorError("ERR_HUB", `${needed}, got ${code}: ${message}`, { cause: error });
  }
  return cache.snapshot(listing.commit);
}

async function listed(client: HubClient, { signal }: HubSettings): Promise<HubListing> {
  for (let tries = 1; ; tries++) {
    try {
      return await client.list();
    } catch (error) {
      if (!(error instanceof Unreachable) || tries >= LIST_TRIES) throw error;
      await rested(FIRST_PAUSE_MS * 2 ** (tries - 1), signal);
    }
  }
}

/** The cached snapshot of a revision, if it has all that is wanted; else what it lacks. */
async function cachedFolder(
  cache: RepositoryCache,
  wanted: WantedFiles,
  revision: string,
): Promise<{ folder?: string; lack?: string }> {
  const commit = await cache.commit(revision);
  const names = commit === undefined ? [] : await cache.files(commit);
  if (commit === undefined || names.length === 0) return { lack: `holds no revision "${revision}" of it` };
  const folder = cache.snapshot(commit);
  try {
    wanted.choose(names);
    const missing = (await wanted.more?.(folder))?.find((name) => !names.includes(name));
    return missing === undefined ? { folder } : { lack: `lacks ${missing}` };
  } catch (error) {
    if ((error as AthanorError).code !== "ERR_HUB") throw error;
    return { lack: `holds it without all that ${wanted.what} needs` };
  }
}

/** Fetches what is wanted; the snapshot's links are made last, so that it never looks complete before it is. */
async function fetchFiles(
  repository: string,
  cache: RepositoryCache,
  settings: HubSettings,
  { commit, files: all }: HubListing,
  wanted: WantedFiles,
): Promise<void> {
  const stop = new AbortController();
  const unfollow = follow(stop, settings.signal);
  const stoppable = { ...settings, signal: stop.signal };
  const client = new HubClient(repository, stoppable, wanted.of ?? "model");
  const context: DownloadContext = { repository, commit, client, cache, settings: stoppable };
  const byName = new Map(all.map((file) => [file.name, file]));
  const fetchAll = async (names: readonly string[]) => {
    const files = [...new Set(names)].map((name) => byName.get(name)).filter((file) => file !== undefined);
    await inParallel(files, (file) => ensureBlob(context, file), stop);
    for (const { name, hash } of files) await cache.link(commit, name, hash);
  };
  try {
    await fetchAll(wanted.choose([...byName.keys()]));
    const more = await wanted.more?.(cache.snapshot(commit));
    if (more !== undefined) await fetchAll(more);
  } finally {
    unfollow();
  }
}

/** Works on some files at once; the first error stops the others, and is reported when they have stopped. */
async function inParallel(
  files: readonly HubFile[],
  work: (file: HubFile) => Promise<void>,
  stop: AbortController,
): Promise<void> {
  const waiting = [...files];
  const errors: unknown[] = [];
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined && errors.length === 0; file = waiting.shift()) {
      await work(file).catch((error) => {
        errors.push(error);
        stop.abort();
      });
    }
  };
  await Promise.all(Array.from({ length: FILES_AT_ONCE }, worker));
  if (errors.length > 0) throw errors[0];
}
