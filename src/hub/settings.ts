// Where the Hub is, where its files are kept, and who asks: options of a call, then the environment variables that
// Hugging Face's own libraries read, then their defaults.

import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { AthanorError } from "../errors.js";

/** Options of `fromPretrained` that matter where the name is a repository of the Hub. */
export interface HubOptions {
  /** A branch, a tag or a commit; default `"main"`. */
  revision?: string;
  /** An access token; false for none. Default: `HF_TOKEN`, else the file that `hf auth login` writes. */
  token?: string | false;
  /** Default: `HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`. */
  cacheDir?: string;
  /** Takes what is in the cache and asks nobody. Default: `HF_HUB_OFFLINE`. */
  localFilesOnly?: boolean;
  /** Told about files that are downloaded: at the beginning, ten times a second, at the end. */
  onProgress?: (progress: HubProgress) => void;
  /** Stops a download: ERR_ABORTED. */
  signal?: AbortSignal;
}

/** How far the download of one file is. */
export interface HubProgress {
  repository: string;
  file: string;
  /** Bytes so far, of `total`. */
  loaded: number;
  total: number;
  /** True once, when the file is whole and its hash right. */
  done: boolean;
}

/** The settings of one call. */
export interface HubSettings {
  endpoint: string;
  cache: string;
  revision: string;
  offline: boolean;
  token: string | undefined;
  /** How long an answer, or the next bytes of a file, may take. */
  timeoutMs: number;
  onProgress: HubOptions["onProgress"];
  signal: AbortSignal | undefined;
}

const KINDS: Record<keyof HubOptions, (value: unknown) => boolean> = {
  revision: (value) =>
    typeof value === "string" && /^[\w.-]+(\/[\w.-]+)*$/.test(value) && !value.includes(".."),
  token: (value) => value === false || (typeof value === "string" && /^[\x21-\x7e]+$/.test(value)),
  cacheDir: (value) => typeof value === "string" && value !== "",
  localFilesOnly: (value) => typeof value === "boolean",
  onProgress: (value) => typeof value === "function",
  signal: (value) => typeof (value as AbortSignal)?.aborted === "boolean",
};
const NEEDED: Record<keyof HubOptions, string> = {
  revision: "a branch, tag or commit",
  token: "an access token, or false",
  cacheDir: "a path",
  localFilesOnly: "true or false",
  onProgress: "a function",
  signal: "an AbortSignal",
};
const DEFAULT_TIMEOUT_S = 10;

/** Takes the Hub's options out of a call's, checked. Throws ERR_ARGUMENT. */
export function takeHubOptions<T extends HubOptions>(
  who: string,
  options: T,
): { hub: HubOptions; rest: Omit<T, keyof HubOptions> } {
  const hub: Record<string, unknown> = {};
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options))
    (Object.hasOwn(KINDS, name) ? hub : rest)[name] = value;
  for (const name of Object.keys(KINDS) as (keyof HubOptions)[]) {
    if (hub[name] === undefined || KINDS[name](hub[name])) continue;
    // A token must not end up in a log.
    const came = name === "token" ? "something else" : JSON.stringify(hub[name]);
    throw new AthanorError("ERR_ARGUMENT", `${who}: ${name} must be ${NEEDED[name]}, got ${came}`);
  }
  return { hub, rest: rest as Omit<T, keyof HubOptions> };
}

/** The settings of a call. Throws ERR_ARGUMENT for variables that make no sense. */
export async function hubSettings(options: HubOptions): Promise<HubSettings> {
  const { env } = process;
  const home = env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface");
  return {
    endpoint: endpointOf(env.HF_ENDPOINT || "https://huggingface.co"),
    cache: options.cacheDir ?? (env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home, "hub")),
    revision: options.revision ?? "main",
    offline: options.localFilesOnly ?? isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE),
    token: options.token === false ? undefined : (options.token ?? (await storedToken(home))),
    timeoutMs: 1000 * timeoutOf(env.HF_HUB_DOWNLOAD_TIMEOUT),
    onProgress: options.onProgress,
    signal: options.signal,
  };
}

function endpointOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "https:" || url?.protocol === "http:") return text.replace(/\/+$/, "");
  throw new AthanorError(
    "ERR_ARGUMENT",
    `hub: HF_ENDPOINT must be an http or https URL, got ${JSON.stringify(text)}`,
  );
}

function timeoutOf(text: string | undefined): number {
  if (text === undefined || text === "") return DEFAULT_TIMEOUT_S;
  const seconds = Number(text);
  if (seconds > 0 && seconds < 2e6) return seconds;
  const came = JSON.stringify(text);
  throw new AthanorError("ERR_ARGUMENT", `hub: HF_HUB_DOWNLOAD_TIMEOUT must be seconds above 0, got ${came}`);
}

function isTrue(text: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(text ?? "");
}

async function storedToken(home: string): Promise<string | undefined> {
  const { env } = process;
  if (isTrue(env.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const named = (env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN)?.trim();
  if (named) return named;
  const text = await readFile(env.HF_TOKEN_PATH || join(home, "token"), "utf8").catch(() => "");
  return text.trim() || undefined;
}
