// What is asked of the Hub, through @huggingface/hub: the commit of a revision, its files with their hashes, and the
// bytes of a file from any place on. What goes wrong is told apart: an answer that says no, which stands (ERR_HUB),
// from no answer, which may come on another try (Unreachable).

import { AthanorError } from "../errors.js";
import { COMMIT, type RepositoryType } from "./cache.js";
import { Patience } from "./patience.js";
import type { HubSettings } from "./settings.js";

/** A file of a repository. */
export interface HubFile {
  /** With its folders, where it lies in any. */
  name: string;
  size: number;
  /** Of the content, in hexadecimal digits: SHA-256 of large files, Git's SHA-1 of others. Names the blob. */
  hash: string;
}

/** A repository at a commit: the files of its outermost folder, of a data set all files. */
export interface HubListing {
  commit: string;
  files: HubFile[];
}

/** No answer, or one that may be another the next time (429, 5xx). */
export class Unreachable extends Error {}

/** The server sent other bytes than those that were asked for: the file must begin anew. */
export class WrongBytes extends Unreachable {}

// What could lead out of a folder is no name of a file.
const NAME = /^(?!.*\\)(?:(?!\.{1,2}(?:\/|$))[^/]+\/)*(?!\.{1,2}$)[^/]+$/;
const HASH = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

/** The Hub as one call sees it. */
export class HubClient {
  readonly #settings: HubSettings;
  readonly #repository: string;
  readonly #type: RepositoryType;

  constructor(repository: string, settings: HubSettings, type: RepositoryType) {
    this.#repository = repository;
    this.#settings = settings;
    this.#type = type;
  }

  /** The address of the repository's page. */
  get #page(): string {
    const folder = this.#type === "dataset" ? "datasets/" : "";
    return `${this.#settings.endpoint}/${folder}${this.#repository}`;
  }

  /** Rejects with ERR_HUB when the Hub says no, with Unreachable when it does not answer. */
  async list(): Promise<HubListing> {
    const patience = this.#patience();
    try {
      return await patience.race(this.#listing(this.#fetch(patience)));
    } catch (error) {
      throw this.#failure(error);
    } finally {
      patience.end();
    }
  }

  async #listing(fetch: typeof globalThis.fetch): Promise<HubListing> {
    const { datasetInfo, modelInfo, listFiles } = await import("@huggingface/hub");
    const { endpoint, revision } = this.#settings;
    const repo = { type: this.#type, name: this.#repository };
    const common = { hubUrl: endpoint, fetch };
    const asked = { name: this.#repository, revision, additionalFields: ["sha" as const], ...common };
    const { sha } = await (this.#type === "dataset" ? datasetInfo(asked) : modelInfo(asked));
    if (!COMMIT.test(String(sha))) throw new Unreachable(`an answer without a commit, ${sha}`);
    const files: HubFile[] = [];
    for await (const entry of listFiles({ repo, recursive: true, revision: sha, ...common })) {
      const { type, path: name, size, oid, lfs } = entry;
      const hash = String(lfs?.oid ?? oid);
      if (type === "file" && NAME.test(name) && HASH.test(hash)) files.push({ name, size, hash });
    }
    return { commit: sha, files };
  }

  /** The bytes of a file from a place on. Throws as `list`, WrongBytes when the whole file came instead. */
  async *bytes(commit: string, file: HubFile, start: number): AsyncGenerator<Uint8Array, void, undefined> {
    const { downloadFile } = await import("@huggingface/hub");
    const { endpoint } = this.#settings;
    const patience = this.#patience();
    // The library hands a failure to its stream as a mere text.
    let failure: unknown;
    let chunks: AsyncIterator<Uint8Array> | undefined;
    const fetch = this.#fetch(patience, (error) => {
      failure = error;
    });
    const path = file.name.split("/").map(encodeURIComponent).join("/");
    const url = `${this.#page}/resolve/${commit}/${path}`;
    try {
      const request = downloadFile({
        repo: { type: this.#type, name: this.#repository },
        path: file.name,
        hubUrl: endpoint,
        fetch,
        xet: false, // The files come over plain HTTP too, where a cut download can go on.
        downloadInfo: { size: file.size, etag: file.hash, url },
      });
      const blob = await patience.race(request);
      const stream = start > 0 ? blob?.slice(start).stream() : blob?.stream();
      chunks = (stream as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
      for (;;) {
        const { done, value } = await patience.race(chunks.next());
        if (done) break;
        patience.heard();
        yield value;
      }
    } catch (error) {
      throw this.#failure(patience.signal.aborted ? patience.signal.reason : (failure ?? error));
    } finally {
      patience.end();
      // Not waited for: the stream may have lost the signal.
      chunks?.return?.().catch(() => {});
    }
  }

  #patience(): Patience {
    const { timeoutMs, signal } = this.#settings;
    return new Patience(timeoutMs, () => new Unreachable(`nothing for ${timeoutMs} ms`), signal);
  }

  /** `fetch` with the token (for the Hub's own host only), and answers that say no as errors. */
  #fetch(patience: Patience, failed: (error: unknown) => void = () => {}): typeof fetch {
    const { endpoint, token } = this.#settings;
    const { origin } = new URL(endpoint);
    return async (input, init) => {
      const url = new URL(String(input));
      const headers = new Headers(init?.headers);
      if (token !== undefined && url.origin === origin) headers.set("Authorization", `Bearer ${token}`);
      try {
        const response = await patience.race(fetch(url, { ...init, headers, signal: patience.signal }));
        patience.heard();
        if (!response.ok) throw await this.#refusal(response);
        if (headers.has("Range") && response.status !== 206) {
          await response.body?.cancel();
          throw new WrongBytes("the whole file where a part was asked for");
        }
        return response;
      } catch (error) {
        failed(error);
        throw error;
      }
    };
  }

  /** What an answer other than 2xx means. */
  async #refusal(response: Response): Promise<Error> {
    const { status, headers } = response;
    await response.body?.cancel();
    if (status === 429 || status === 408 || status >= 500) return new Unreachable(`status ${status}`);
    const { revision, token } = this.#settings;
    const place = this.#page;
    const code = headers.get("X-Error-Code") ?? "";
    const needed = (what: string) =>
      new AthanorError("ERR_HUB", `${what}, got status ${status}${code && ` (${code})`} from ${place}`);
    if (code === "GatedRepo" || status === 403) {
      return needed(`access must be granted to this token: accept the conditions at ${place}`);
    }
    if (code === "RevisionNotFound") return needed(`revision ${JSON.stringify(revision)} must exist`);
    if (code === "EntryNotFound") return needed("the file must exist");
    const known =
      token === undefined
        ? "set HF_TOKEN (or the option token) if it is private"
        : "this token may lack access";
    if (status === 401 || status === 404) return needed(`the repository must exist; ${known}`);
    return needed("the Hub must send it");
  }

  #failure(error: unknown): Error {
    const { signal } = this.#settings;
    if (signal?.aborted)
      return new AthanorError("ERR_ABORTED", "stopped by its signal", { cause: signal.reason });
    if (error instanceof Unreachable || (error as AthanorError)?.code === "ERR_HUB") return error as Error;
    const { message = String(error), cause } = (error ?? {}) as Error;
    const { code } = (cause ?? {}) as NodeJS.ErrnoException;
    return new Unreachable(code === undefined ? message : `${message} (${code})`, { cause: error });
  }
}
