/** One request at a time: limits, errors and retries the same for every call. */

/** How long a request may take unless told otherwise, in milliseconds. */
const LIMIT_MS = 15_000;
/** Longest wait that a 429 may ask for, in seconds. */
const MAX_RETRY_AFTER_S = 20;

/** What the server refused, in its own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** Stable code, such as `platform_unavailable`; empty when there is none. */
    readonly code: string,
    text: string,
    /** The field that is wrong; empty when none is named. */
    readonly field: string,
    readonly body: Record<string, unknown>,
  ) {
    super(text);
    this.name = "ApiError";
  }
}

export interface Reply<T> {
  body: T;
  headers: Headers;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/**
 * Asks the server. A GET that is told to wait (429) is tried once more.
 *
 * @throws ApiError when the server refuses; TypeError or DOMException when it cannot be reached.
 */
export async function request<T>(
  method: Method,
  path: string,
  body?: unknown,
  limitMs = LIMIT_MS,
): Promise<Reply<T>> {
  const response = await once(method, path, body, limitMs);
  if (response.status === 429 && method === "GET") {
    const seconds = Math.min(Number(response.headers.get("retry-after")) || 2, MAX_RETRY_AFTER_S);
    await new Promise((done) => setTimeout(done, seconds * 1000));
    return read<T>(await once(method, path, body, limitMs));
  }
  return read<T>(response);
}

function once(method: Method, path: string, body: unknown, limitMs: number): Promise<Response> {
  const signal = AbortSignal.timeout(limitMs);
  if (body === undefined) return fetch(path, { method, signal });
  const headers = { "Content-Type": "application/json" };
  return fetch(path, { method, signal, headers, body: JSON.stringify(body) });
}

async function read<T>(response: Response): Promise<Reply<T>> {
  const text = await response.text();
  const parsed = parse(text);
  if (response.ok) return { body: parsed as T, headers: response.headers };
  const fields = (typeof parsed === "object" && parsed !== null ? parsed : {}) as Record<
    string,
    unknown
  >;
  const word = (key: string) => (typeof fields[key] === "string" ? (fields[key] as string) : "");
  const reason = word("reason");
  const said = word("error") || word("message") || `${response.status} ${response.statusText}`;
  const shown = reason && !said.includes(reason) ? `${said}: ${reason}` : said;
  throw new ApiError(response.status, word("code"), shown, word("field"), fields);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
