/** The client of the server's OpenAPI document: limits, errors and retries the same for every call. */

import createClient, { type Middleware } from "openapi-fetch";
import type { paths } from "./schema";

/** How long a request may take unless told otherwise, in milliseconds. */
const LIMIT_MS = 15_000;
/** Longest wait that a 429 may ask for, in seconds. */
const MAX_RETRY_AFTER_S = 20;
/** The wait of a 429 that asks for none. */
const RETRY_AFTER_S = 2;

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

/** A GET that is told to wait is tried once more. Each try may take `limitMs`, the wait apart. */
async function patient(request: Request, limitMs: number, ended?: AbortSignal): Promise<Response> {
  const once = () => {
    const limit = AbortSignal.timeout(limitMs);
    return fetch(request, { signal: ended ? AbortSignal.any([ended, limit]) : limit });
  };
  const response = await once();
  // A GET has no body that the first try could have used up.
  if (response.status !== 429 || request.method !== "GET") return response;
  const asked = Number(response.headers.get("retry-after")) || RETRY_AFTER_S;
  await new Promise((done) => setTimeout(done, Math.min(asked, MAX_RETRY_AFTER_S) * 1000));
  return once();
}

const refusals: Middleware = {
  async onResponse({ response }) {
    if (!response.ok) throw errorOf(response, parse(await response.text()));
  },
};

const client = createClient<paths>({
  // Absolute: `Request` takes no relative address outside of pages, such as in tests.
  baseUrl: globalThis.location?.origin ?? "http://localhost",
  fetch: (request: Request) => patient(request, LIMIT_MS),
});
client.use(refusals);

/**
 * Asks the server, by the paths of its document.
 *
 * @throws ApiError when the server refuses; TypeError or DOMException when it cannot be reached.
 */
export const server = client;

/** What a call takes when it may last longer than others. */
export const within = (limitMs: number) => ({
  fetch: (request: Request) => patient(request, limitMs),
});

/** What every other call takes. */
export const soon = () => within(LIMIT_MS);

function errorOf(response: Response, parsed: unknown): ApiError {
  const fields = (typeof parsed === "object" && parsed !== null ? parsed : {}) as Record<
    string,
    unknown
  >;
  const word = (key: string) => (typeof fields[key] === "string" ? (fields[key] as string) : "");
  const reason = word("reason");
  const said = word("error") || word("message") || `${response.status} ${response.statusText}`;
  const shown = reason && !said.includes(reason) ? `${said}: ${reason}` : said;
  return new ApiError(response.status, word("code"), shown, word("field"), fields);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface Asked {
  query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
  /** In milliseconds; 15 s unless given. Without a limit only `signal` ends it. */
  limitMs?: number | null;
  signal?: AbortSignal;
}

/**
 * Asks for what the client of the document is no use for: bodies that stream, headers that matter.
 *
 * @throws ApiError when the server refuses; TypeError or DOMException when it cannot be reached.
 */
export async function ask(method: string, path: string, asked: Asked = {}): Promise<Response> {
  const url = new URL(path, globalThis.location?.origin ?? "http://localhost");
  for (const [key, value] of Object.entries(asked.query ?? {})) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  const request = new Request(url, {
    method,
    headers: {
      ...(asked.body === undefined ? {} : { "content-type": "application/json" }),
      ...asked.headers,
    },
    ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
    ...(asked.signal ? { signal: asked.signal } : {}),
  });
  const response =
    asked.limitMs === null
      ? await fetch(request)
      : await patient(request, asked.limitMs ?? LIMIT_MS, asked.signal);
  if (!response.ok) throw errorOf(response, parse(await response.text()));
  return response;
}

/** A part of a path, such as a name that somebody chose. */
export const part = (text: string) => encodeURIComponent(text);

/** The body of an answer that was not refused. */
export function bodyOf<T>(answer: { data?: T }): T {
  return answer.data as T;
}
