import { readFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import { afterEach, describe, expect, test, vi } from "vitest";
import { deleteSecret, digest, listWorkspaces, patchWorkspace } from "./calls";
import { ApiError } from "./http";

const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });

/** Answers requests in turn; returns what was asked. */
function serve(...answers: Response[]): Request[] {
  const asked: Request[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(request);
    return answers.shift() ?? answer(500, {});
  });
  return asked;
}

/** Puts the limits of requests on the fake clock, and makes `fetch` heed them as a browser does. */
function heedLimits(answers: (Response | null)[]): () => number {
  vi.useFakeTimers();
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    const limit = new AbortController();
    setTimeout(() => limit.abort(new DOMException("timed out", "TimeoutError")), ms);
    return limit.signal;
  });
  let asked = 0;
  vi.stubGlobal("fetch", (request: Request, init?: RequestInit) => {
    const signal = init?.signal ?? request.signal;
    const next = answers[asked++];
    return new Promise<Response>((resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason));
      if (next) resolve(next);
    });
  });
  return () => asked;
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("a call", () => {
  test("asks what the document says, and reads the sequence", async () => {
    const asked = serve(answer(200, [], { "x-isomer-seq": "42" }));
    expect(await listWorkspaces()).toEqual({ workspaces: [], seq: 42 });
    expect(new URL(asked[0]?.url ?? "").pathname).toBe("/workspaces");
  });

  test("puts names into paths so that they stay one segment", async () => {
    const asked = serve(answer(200, {}));
    await deleteSecret("an id", "A/B?");
    expect(asked[0]?.url).toContain("/workspaces/an%20id/secrets/A%2FB%3F");
  });

  test("is tried once more when a GET is told to wait, and only a GET", async () => {
    vi.useFakeTimers();
    const asked = serve(answer(429, {}, { "retry-after": "3" }), answer(200, []));
    const list = listWorkspaces();
    await vi.advanceTimersByTimeAsync(2_900);
    expect(asked).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    await list;
    expect(asked).toHaveLength(2);

    const patched = serve(answer(429, { error: "rate limit exceeded" }));
    await expect(patchWorkspace("x", { name: "y" })).rejects.toMatchObject({ status: 429 });
    expect(patched).toHaveLength(1);
  });

  test("is given up after 15 s without an answer", async () => {
    heedLimits([null]);
    const ended = vi.fn();
    digest().catch((error) => ended(error.name));
    await vi.advanceTimersByTimeAsync(14_900);
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(200);
    expect(ended).toHaveBeenCalledWith("TimeoutError");
  });

  test("waits 20 s at most, and has its whole limit again after the wait", async () => {
    const asked = heedLimits([answer(429, {}, { "retry-after": "3600" }), null]);
    const ended = vi.fn();
    listWorkspaces().catch((error) => ended(error.name));
    await vi.advanceTimersByTimeAsync(19_900);
    expect(asked()).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(asked()).toBe(2);
    await vi.advanceTimersByTimeAsync(14_700);
    expect(ended).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(400);
    expect(ended).toHaveBeenCalledWith("TimeoutError");
  });
});

describe("a refusal", () => {
  test("is told in the server's words, with the field", async () => {
    const body = { error: "invalid", field: "name", reason: "too long", code: "c" };
    serve(answer(400, body));
    const error = await patchWorkspace("x", { name: "y" }).catch((caught) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ message: "invalid: too long", field: "name", code: "c", body });
  });

  test("needs no JSON", async () => {
    serve(answer(502, "<html>bad gateway</html>"));
    await expect(listWorkspaces()).rejects.toMatchObject({ status: 502, field: "", code: "" });
  });
});

test("the generated types are those of the document: `npm run api` makes them anew", async () => {
  const document = new URL("../../../docs/api/openapi.json", import.meta.url);
  const made = astToString(await openapiTS(document));
  const kept = await readFile(new URL("./schema.d.ts", import.meta.url), "utf8");
  // The command line puts a header before them.
  expect(kept.endsWith(made)).toBe(true);
});
