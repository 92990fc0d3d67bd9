// A small Hub on this machine: the routes that libraries ask (commit of a revision, list of files, files, large ones
// from another host), and faults on demand. Python's huggingface_hub 1.33.0 downloads from it, too.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What is wrong with a file's next answers. */
export interface Fault {
  file: string;
  /** How many answers it spoils; default all. */
  times?: number;
  /** The connection is cut after so many bytes of each answer, */
  cutAfter?: number;
  /** or they stop coming, */
  stallAfter?: number;
  /** or one bit of them is wrong, */
  wrongBit?: boolean;
  /** or more come than the file has, */
  tooLong?: boolean;
  /** or an asked-for range is ignored (may go with another fault), */
  ignoreRange?: boolean;
  /** or the answer is this status. */
  status?: number;
}

/** A repository: files by name; those that are large lie on the other host. Data sets are named "datasets/NAME". */
export interface FakeRepository {
  files: Record<string, string | Uint8Array>;
  /** Names of files that are stored by their SHA-256 elsewhere. */
  large?: string[];
  /** The token without which it does not exist. */
  token?: string;
  gated?: boolean;
}

export interface FakeHub {
  url: string;
  /** The commit of a repository's `main`, changed with its content. */
  commit(name: string): string;
  repositories: Record<string, FakeRepository>;
  faults: Fault[];
  /** All requests: "GET /path", with the range where there is one. */
  requests: string[];
  /** Tokens that the other host saw; there must be none. */
  leaked: string[];
  /** Answers every request with this status, or with nothing at all. */
  down?: number | "silent";
  close(): Promise<void>;
}

export async function fakeHub(repositories: FakeHub["repositories"]): Promise<FakeHub> {
  const state = { repositories, faults: [] as Fault[], requests: [] as string[], leaked: [] as string[] };
  const hub = { ...state, url: "", commit: (name: string) => commitOf(hub.repositories[name]) } as FakeHub;
  const hosts = { cdn: "" };
  const elsewhere = createServer((request, response) => {
    if (request.headers.authorization) hub.leaked.push(request.headers.authorization);
    const [, name, path] = (request.url ?? "").match(/^\/cdn\/(.+)\/([^/]+)$/) ?? [];
    const file = decodeURIComponent(path);
    hub.requests.push(`CDN ${file}${request.headers.range ? ` ${request.headers.range}` : ""}`);
    sendFile(hub, request, response, file, bytesOf(hub.repositories[name].files[file]));
  });
  const main = createServer((request, response) => answer(hub, hosts, request, response));
  // Two names, as clients tell hosts apart by them.
  hosts.cdn = await listening(elsewhere, "localhost");
  hub.url = await listening(main, "127.0.0.1");
  hub.close = async () => {
    for (const server of [main, elsewhere]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
  return hub;
}

async function listening(server: Server, host: string): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return `http://${host}:${(server.address() as AddressInfo).port}`;
}

function answer(
  hub: FakeHub,
  hosts: { cdn: string },
  request: IncomingMessage,
  response: ServerResponse,
): unknown {
  const { pathname, searchParams } = new URL(request.url ?? "", "http://hub");
  const range = request.headers.range ? ` ${request.headers.range}` : "";
  hub.requests.push(`${request.method} ${pathname}${range}`);
  if (hub.down === "silent") return undefined;
  if (hub.down !== undefined) return refuse(response, hub.down, "");
  const info = pathname.match(/^\/api\/(?:models\/)?(.+)\/revision\/([^/]+)$/);
  const tree = pathname.match(/^\/api\/(?:models\/)?(.+)\/tree\/([^/]+)$/);
  const file = pathname.match(/^\/(.+)\/resolve\/([^/]+)\/(.+)$/);
  const [, name, revision, path] = (info ?? tree ?? file ?? []) as string[];
  const repository = hub.repositories[name];
  const known =
    repository?.token === undefined || request.headers.authorization === `Bearer ${repository.token}`;
  if (repository === undefined || !known) return refuse(response, 401, "RepoNotFound");
  const commit = commitOf(repository);
  if (!["main", commit].includes(decodeURIComponent(revision)))
    return refuse(response, 404, "RevisionNotFound");
  if (info)
    return json(response, { _id: "1", id: name, sha: commit, lastModified: "2026-01-01T00:00:00.000Z" });
  if (repository.gated) return refuse(response, 403, "GatedRepo");
  if (tree) return sendTree(hub, response, repository, pathname, searchParams);
  sendRepositoryFile(hub, hosts, request, response, { name, file: decodeURIComponent(path) });
}

// Two entries a page, as the Hub does with a thousand.
function sendTree(
  { url }: FakeHub,
  response: ServerResponse,
  repository: FakeRepository,
  pathname: string,
  query: URLSearchParams,
): void {
  const deep = query.get("recursive") === "true";
  const shown = Object.entries(repository.files).filter(([path]) => deep || !path.includes("/"));
  const entries = shown.map(([path, content]) => {
    const bytes = bytesOf(content);
    const large = repository.large?.includes(path)
      ? { oid: sha256(bytes), size: bytes.length, pointerSize: 134 }
      : undefined;
    return {
      type: "file",
      path,
      size: bytes.length,
      oid: large ? gitHash(Buffer.from("pointer")) : gitHash(bytes),
      lfs: large,
    };
  });
  const all = [{ type: "directory", path: "onnx", size: 0, oid: gitHash(Buffer.from("")) }, ...entries];
  const from = Number(query.get("cursor") ?? 0);
  query.set("cursor", String(from + 2));
  if (from + 2 < all.length) response.setHeader("Link", `<${url}${pathname}?${query}>; rel="next"`);
  json(response, all.slice(from, from + 2));
}

function sendRepositoryFile(
  hub: FakeHub,
  { cdn }: { cdn: string },
  request: IncomingMessage,
  response: ServerResponse,
  { name, file }: { name: string; file: string },
): unknown {
  const repository = hub.repositories[name];
  if (!Object.hasOwn(repository.files, file)) return refuse(response, 404, "EntryNotFound");
  const bytes = bytesOf(repository.files[file]);
  response.setHeader("X-Repo-Commit", commitOf(repository));
  if (!repository.large?.includes(file)) {
    response.setHeader("ETag", `"${gitHash(bytes)}"`);
    return sendFile(hub, request, response, file, bytes);
  }
  response.setHeader("X-Linked-Etag", `"${sha256(bytes)}"`);
  response.setHeader("X-Linked-Size", bytes.length);
  response.writeHead(302, { Location: `${cdn}/cdn/${name}/${encodeURIComponent(file)}` }).end();
}

function sendFile(
  hub: FakeHub,
  request: IncomingMessage,
  response: ServerResponse,
  file: string,
  whole: Buffer,
): unknown {
  const fault = hub.faults.find((one) => one.file === file && (one.times ?? 1) > 0);
  if (fault?.times !== undefined) fault.times--;
  if (fault?.status !== undefined) return refuse(response, fault.status, "");
  const asked = fault?.ignoreRange ? undefined : request.headers.range?.match(/^bytes=(\d+)-(\d*)$/);
  const start = asked ? Number(asked[1]) : 0;
  const end = asked?.[2] ? Math.min(Number(asked[2]) + 1, whole.length) : whole.length;
  let bytes = Buffer.from(whole.subarray(start, end));
  if (fault?.wrongBit) bytes[bytes.length >> 1] ^= 1;
  if (fault?.tooLong) bytes = Buffer.concat([bytes, bytes]);
  if (asked) response.setHeader("Content-Range", `bytes ${start}-${end - 1}/${whole.length}`);
  response.writeHead(asked ? 206 : 200, { "Content-Length": bytes.length });
  if (request.method === "HEAD") response.end();
  else if (fault?.cutAfter !== undefined) {
    response.write(bytes.subarray(0, fault.cutAfter), () => response.destroy());
  } else if (fault?.stallAfter !== undefined) response.write(bytes.subarray(0, fault.stallAfter));
  else response.end(bytes);
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, code ? { "X-Error-Code": code } : {}).end(code);
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader("Content-Type", "application/json").end(JSON.stringify(value));
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export const gitHash = (bytes: Uint8Array): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

function bytesOf(content: string | Uint8Array): Buffer {
  return Buffer.from(content as Uint8Array);
}

function commitOf({ files }: FakeRepository): string {
  const hash = createHash("sha1");
  for (const [name, content] of Object.entries(files)) hash.update(name).update(bytesOf(content));
  return hash.digest("hex");
}
