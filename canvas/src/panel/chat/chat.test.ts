import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ActivityRow, MailboxDetail, MailboxMessage } from "../../api/talk";
import { horizon } from "./history";
import {
  bubblesOf,
  type Delivery,
  deliveryOf,
  type Exchange,
  hasEnded,
  merge,
  PHASES,
} from "./model";
import { answerOf, ofMessage, ofRow, standing } from "./read";
import { read as readUnsettled } from "./unsettled";

const T = Date.parse("2026-01-01T00:00:00Z");
const iso = (at: number) => new Date(at).toISOString();

function row(id: string, key: string | null, fields: Partial<ActivityRow> = {}): ActivityRow {
  const message = {
    role: "user",
    ...(key ? { messageId: key } : {}),
    parts: [{ text: `q ${id}` }],
  };
  return {
    id,
    workspace_id: "w",
    activity_type: "a2a_receive",
    source_id: null,
    target_id: "w",
    method: "message/send",
    summary: "message/send → w",
    duration_ms: 0,
    status: "ok",
    error_detail: null,
    created_at: iso(T),
    request_body: { method: "message/send", params: { message } },
    response_body: {
      jsonrpc: "2.0",
      id: 1,
      result: { parts: [{ kind: "text", text: `a ${id}` }] },
    },
    ...fields,
  };
}

function mail(key: string, fields: Partial<MailboxDetail> = {}): MailboxDetail {
  return {
    id: `id-${key}`,
    state: "queued",
    attempts: 0,
    created_at: iso(T),
    updated_at: iso(T + 5_000),
    last_error: null,
    workspace_id: "w",
    source_id: null,
    method: "message/send",
    priority: 50,
    expires_at: iso(T + 86_400_000),
    message_key: key,
    body: { params: { message: { messageId: key, parts: [{ kind: "text", text: `q ${key}` }] } } },
    response: null,
    ...fields,
  };
}

const notifyRow = (id: string, text: string, at: number) =>
  row(id, null, {
    method: "notify",
    request_body: undefined,
    response_body: { result: text },
    created_at: iso(at),
  });

const live = (n: number, text: string, at: number): Exchange => ({
  key: `live:${n}`,
  at,
  told: false,
  asked: null,
  delivery: null,
  answer: { at, text, parts: [], failed: false },
});

const sent = (key: string, delivery: Delivery, at = T): Exchange => ({
  key: `m:${key}`,
  at,
  told: false,
  asked: { text: `q ${key}`, parts: [] },
  delivery,
  answer: null,
});

const ofRows = (...rows: ActivityRow[]) => rows.flatMap((one) => ofRow(one) ?? []);
const texts = (exchanges: readonly Exchange[]) =>
  bubblesOf(exchanges, -Infinity).map((bubble) => bubble.text);

describe("a row of the log", () => {
  test("is a question and its answer, asked when it began", () => {
    const exchange = ofRow(row("1", "k", { duration_ms: 3_000 }));
    expect(exchange).toMatchObject({
      key: "m:k",
      at: T - 3_000,
      asked: { text: "q 1" },
      delivery: { phase: "delivered" },
      answer: { at: T, text: "a 1", failed: false },
    });
  });

  test("that failed says why", () => {
    const failed = row("1", "k", { status: "error", error_detail: "refused", response_body: null });
    expect(ofRow(failed)).toMatchObject({
      delivery: { phase: "failed", reason: "refused" },
      answer: null,
    });
  });

  test("of a JSON-RPC error was delivered and answered with an error", () => {
    const error = row("1", "k", { response_body: { error: { code: -32601, message: "no" } } });
    expect(ofRow(error)).toMatchObject({
      delivery: { phase: "delivered" },
      answer: { text: "no", failed: true },
    });
  });

  test("of notify is something that the agent said by itself", () => {
    const file = { kind: "file", file: { uri: "workspace:/a", name: "a" } };
    const told = row("1", null, {
      method: "notify",
      response_body: { result: "hi", parts: [file] },
    });
    expect(ofRow(told)).toMatchObject({
      asked: null,
      delivery: null,
      answer: { text: "hi", parts: [file] },
    });
  });

  test("that was cut keeps its beginning and its id", () => {
    const beginning = '{"params":{"message":{"messageId":"k","parts":[{"text":"long';
    const cut = row("1", null, { request_body: { truncated: true, bytes: 70_000, beginning } });
    expect(ofRow(cut)).toMatchObject({ key: "m:k", asked: { text: beginning, cut: true } });
  });

  test("of any shape is an exchange or none, and never throws", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (request, response) => {
        const exchange = ofRow(row("1", null, { request_body: request, response_body: response }));
        if (exchange) expect(typeof texts([exchange])[0]).toBe("string");
        expect(typeof answerOf(response, T).text).toBe("string");
      }),
    );
  });
});

describe("a conversation", () => {
  test("is the same after a reload", () => {
    const rows = ofRows(row("1", "a"), notifyRow("2", "by itself", T + 1_000), row("3", null));
    const seen = merge(
      merge(
        [],
        [
          {
            ...sent("a", { phase: "delivered" }),
            answer: answerOf(row("1", "a").response_body, T),
          },
          live(1, "by itself", T + 900),
        ],
      ),
      rows,
    );
    expect(texts(seen)).toEqual(texts(merge([], rows)));
  });

  test("has everything once, in whatever order and however often it is read", () => {
    const all = [
      ...ofRows(row("1", "a"), row("2", "b"), row("3", null), notifyRow("4", "x", T)),
      ofMessage(mail("a", { state: "delivered" })),
      ofMessage(mail("c")),
    ];
    fc.assert(
      fc.property(fc.array(fc.subarray(all), { maxLength: 5 }), (pages) => {
        let known: Exchange[] = [];
        for (const page of [...pages, all]) known = merge(known, page);
        expect(known.map((one) => one.key).sort()).toEqual(
          ["m:a", "m:b", "m:c", "row:3", "row:4"].sort(),
        );
        expect(texts(known).sort()).toEqual(texts(merge([], all)).sort());
      }),
    );
  });

  test("keeps the same words twice when they were said twice", () => {
    const heard = [live(1, "again", T), live(2, "again", T + 500)];
    const rows = ofRows(notifyRow("1", "again", T), notifyRow("2", "again", T + 500));
    expect(texts(merge(heard, rows))).toEqual(["again", "again"]);
    expect(texts(merge(heard, rows.slice(0, 1)))).toEqual(["again", "again"]);
    const later = ofRows(notifyRow("3", "again", T + 60_000));
    expect(texts(merge(merge(heard, rows), later))).toEqual(["again", "again", "again"]);
  });

  test("shows an answer after its question, and nothing from before what was read", () => {
    const slow = ofRows(row("1", "a", { created_at: iso(T + 9_000), duration_ms: 9_000 }));
    const quick = ofRows(row("2", "b", { created_at: iso(T + 2_000), duration_ms: 1_000 }));
    const both = merge(slow, quick);
    expect(texts(both)).toEqual(["q 1", "q 2", "a 2", "a 1"]);
    expect(bubblesOf(both, T + 500).map((one) => one.text)).toEqual(["q 2", "a 2"]);
  });

  test("may miss something only before the nearer of two depths that go on", () => {
    expect(horizon({ next: "x", oldest: 5 }, { next: null, oldest: 9 })).toBe(5);
    expect(horizon({ next: "x", oldest: 5 }, { next: "y", oldest: 9 })).toBe(9);
    expect(horizon({ next: null, oldest: 5 }, { next: null, oldest: 9 })).toBe(-Infinity);
    expect(horizon(null, null)).toBe(-Infinity);
  });
});

describe("a delivery", () => {
  const state = fc.constantFrom(...PHASES);
  const delivery = fc.record({ phase: state, messageId: fc.constantFrom("id", undefined) });
  const plain = ({
    phase,
    messageId,
  }: {
    phase: Delivery["phase"];
    messageId?: string | undefined;
  }) => (messageId === undefined ? { phase } : { phase, messageId });

  test("has one end, which nothing changes", () => {
    fc.assert(
      fc.property(state.filter(hasEnded), fc.array(delivery), (end, heard) => {
        let known: Delivery | null = { phase: end, messageId: "id" };
        for (const one of heard) known = deliveryOf(known, plain(one));
        if (!heard.some((one) => one.phase === "delivered")) expect(known?.phase).toBe(end);
        else expect(known?.phase).toBe("delivered");
      }),
    );
  });

  test("that the log calls an error is what the mailbox says", () => {
    const error = ofRows(row("1", "a", { status: "error", error_detail: "agent busy" }));
    const waiting = [ofMessage(mail("a"))];
    for (const known of [merge(error, waiting), merge(waiting, error)]) {
      expect(known[0]?.delivery).toMatchObject({ phase: "waiting", messageId: "id-a" });
    }
  });

  test("goes on by the states that are heard, and keeps its id", () => {
    let known: Delivery | null = { phase: "sending" };
    for (const one of ["queued", "dispatched", "queued", "expired"]) {
      known = deliveryOf(known, standing("id", one, one === "expired" ? "too late" : null) ?? null);
    }
    expect(known).toEqual({ phase: "expired", messageId: "id", reason: "too late" });
    expect(standing("id", "unheard of", null)).toBeUndefined();
  });

  test("brings the answer of a message that waited", () => {
    const answered = mail("a", { state: "delivered", response: { result: "at last" } });
    const known = merge(
      [sent("a", { phase: "waiting", messageId: "id-a" })],
      [ofMessage(answered)],
    );
    expect(texts(known)).toEqual(["q a", "at last"]);
    expect(known[0]?.delivery).toEqual({ phase: "delivered", messageId: "id-a" });
  });

  test("of a message whose content was not read says nothing by itself", () => {
    const { body: _, response: __, ...short } = mail("a");
    expect(texts([ofMessage(short as MailboxMessage)])).toEqual([]);
  });
});

test("what was under way when the page was left is interrupted, and what failed has failed", () => {
  const stored = [
    { key: "m:1", at: 1, text: "x", parts: [], phase: "with_agent" },
    { key: "m:2", at: 2, text: "y", phase: "failed", reason: "mailbox is full" },
    { key: 3 },
    "nonsense",
  ];
  expect(readUnsettled(stored).map((one) => one.delivery)).toEqual([
    { phase: "interrupted" },
    { phase: "failed", reason: "mailbox is full" },
  ]);
  fc.assert(fc.property(fc.jsonValue(), (any) => Array.isArray(readUnsettled(any))));
});
