import { describe, expect, test } from "vitest";
import { batches, changedAt, newerOf, type Standing, stateOf, verdictOf, waitAfter } from "../src/lib/store/rules.ts";

const text = (source: string, at: number, more: { unsent?: 1; version?: string } = {}) => ({ source, version: "v", at, ...more });

describe("of two texts of a cell", () => {
  test("the newer wins, the other goes to the history, and the server hears of what it lacks", () => {
    const [here, there] = [text("here", 20, { unsent: 1 }), text("there", 10)];
    expect(newerOf(here, there)).toEqual({ winner: here, loser: there, send: true });
    expect(newerOf(text("here", 5, { unsent: 1 }), there)).toEqual({
      winner: there,
      loser: text("here", 5, { unsent: 1 }),
      send: false,
    });
  });
  test("a newer one here is sent even if it was sent before: the server may have gone back to a backup", () => {
    expect(newerOf(text("here", 20), text("there", 10)).send).toBe(true);
    expect(newerOf(text("here", 20), null).send).toBe(true);
  });
  test("the same text is neither sent nor kept as history", () => {
    expect(newerOf(text("same", 20, { unsent: 1 }), text("same", 10))).toMatchObject({ loser: null, send: false });
  });
  test("going back to the lesson's own text counts as a text", () => {
    const reset = text("starter", 20, { unsent: 1, version: "" });
    expect(newerOf(reset, text("written", 10))).toMatchObject({ winner: reset, send: true });
  });
  test("a change is later than what it replaces, even where the clock is late", () => {
    expect(changedAt(100, 500)).toBe(501);
    expect(changedAt(600, 500)).toBe(600);
    expect(changedAt(600, undefined)).toBe(600);
  });
});

describe("what was sent", () => {
  test("is given up only where the server can never take it", () => {
    for (const status of [400, 404, 413]) expect(verdictOf(status, "api/submissions")).toBe("refused");
    for (const status of [403, 408, 409, 500, 502, 504]) expect(verdictOf(status, "api/submissions")).toBe("later");
    for (const status of [429, 503]) expect(verdictOf(status, "api/submissions")).toBe("wait");
    expect(verdictOf(401, "api/cells")).toBe("sign in");
    expect(verdictOf(201, "api/cells")).toBe("taken");
    expect(verdictOf(403, "api/quiz/a/b/c")).toBe("refused");
  });
  test("is tried again after longer and longer waits, which differ between people", () => {
    const waits = [1, 2, 3, 4, 20].map((n) => waitAfter(n, () => 0.5));
    expect(waits).toEqual([2000, 4000, 8000, 16_000, 60_000]);
    expect(waitAfter(1, () => 0)).toBeLessThan(waitAfter(1, () => 1));
  });
  test("fits the server's limits; a text that never will is left out", () => {
    const rows = Array.from({ length: 120 }, (_, i) => ({ source: "x".repeat(10), i }));
    expect(batches(rows).map((b) => b.length)).toEqual([50, 50, 20]);
    const long = { source: "x".repeat(200_001) };
    const big = { source: "x".repeat(150_000) };
    expect(batches([big, long, big, big])).toEqual([[big], [big], [big]]);
    expect(batches([])).toEqual([]);
  });
});

test("the page says Saved only when the server has everything", () => {
  const calm: Standing = {
    ...{ touched: true, writing: 0, failed: false, as: "person", ended: false, offline: false, unsent: 0, sending: false },
  };
  expect(stateOf(calm)).toBe("server");
  expect(stateOf({ ...calm, touched: false })).toBe("nothing");
  expect(stateOf({ ...calm, unsent: 1 })).toBe("here");
  expect(stateOf({ ...calm, unsent: 1, sending: true })).toBe("saving");
  expect(stateOf({ ...calm, unsent: 1, offline: true, sending: true })).toBe("offline");
  expect(stateOf({ ...calm, unsent: 1, ended: true })).toBe("ended");
  expect(stateOf({ ...calm, writing: 1 })).toBe("saving");
  expect(stateOf({ ...calm, failed: true, unsent: 1 })).toBe("failed");
  expect(stateOf({ ...calm, as: "guest", unsent: 3 })).toBe("device");
  expect(stateOf({ ...calm, as: "guest", failed: true })).toBe("failed");
});
