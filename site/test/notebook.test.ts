import { describe, expect, test } from "vitest";
import { newId } from "../src/lib/device.ts";
import { acceptOutput } from "../src/lib/notebook/accept.ts";
import { placeIn } from "../src/lib/notebook/import.ts";
import { Knob } from "../src/lib/notebook/knob.ts";
import { boardOf, movesOf } from "../src/lib/outputs/board.ts";

/** A knob whose runs end when the test says so; `at` is where it is shown, null where the cell's value counts. */
function knobAtHand() {
  const state = { at: null as number | null, sent: [] as number[], end: (_milliseconds: number) => {} };
  const knob = new Knob<number>(
    (value) => {
      state.sent.push(value);
      return new Promise((resolve) => (state.end = resolve));
    },
    (at) => (state.at = at),
  );
  return { knob, state };
}
const turn = () => new Promise((resolve) => setTimeout(resolve));

describe("a knob", () => {
  test("stays under the hand while runs begin and end, and is the cell's again when all is over", async () => {
    const { knob, state } = knobAtHand();
    knob.move(1);
    knob.move(2);
    state.end(10);
    await turn();
    expect(state.at).toBe(2);
    state.end(10);
    await turn();
    expect(state.at).toBe(2);
    knob.move(3);
    knob.release(4);
    expect(state.at).toBe(4);
    state.end(10);
    await turn();
    expect(state.at).toBe(4);
    state.end(10);
    await turn();
    expect(state.at).toBe(null);
    expect(state.sent).toEqual([1, 2, 3, 4]);
  });

  test("has one run at a time, and leaves out what it has passed meanwhile", async () => {
    const { knob, state } = knobAtHand();
    for (const value of [1, 2, 3, 4, 5]) knob.move(value);
    expect(state.sent).toEqual([1]);
    state.end(10);
    await turn();
    expect(state.sent).toEqual([1, 5]);
  });

  test("waits for the hand to let go once a run was slow, and is live again once one was quick", async () => {
    const { knob, state } = knobAtHand();
    knob.move(1);
    state.end(400);
    await turn();
    knob.move(2);
    knob.move(3);
    await turn();
    expect(state.sent).toEqual([1]);
    knob.release(3);
    expect(state.sent).toEqual([1, 3]);
    state.end(20);
    await turn();
    knob.move(4);
    expect(state.sent).toEqual([1, 3, 4]);
  });

  test("does not run twice for one value, as when a key moves and releases it", async () => {
    const { knob, state } = knobAtHand();
    knob.move(1);
    knob.release(1);
    state.end(10);
    await turn();
    expect(state.sent).toEqual([1]);
    expect(state.at).toBe(null);
  });
});

describe("what a page takes from a cell", () => {
  const custom = (data: unknown, value: unknown = null) =>
    acceptOutput({ id: "a", content: { kind: "custom", type: "board", label: "board", alt: "a board", listens: true, data, value } });

  test("is plain data of boards and the like, as it was sent", () => {
    const data = { rows: 2, list: [1, "x", null, true, { deep: [] }] };
    expect(custom(data, [1, 2])?.content).toMatchObject({ data, value: [1, 2] });
  });

  test("is refused when it is no plain data, too deep, or too much", () => {
    const deep = JSON.parse(`${"[".repeat(40)}${"]".repeat(40)}`);
    const loop: Record<string, unknown> = {};
    loop["self"] = loop;
    for (const data of [
      undefined,
      new Map(),
      new Date(),
      new Uint8Array(3),
      3n,
      deep,
      loop,
      new Array(500_000).fill(0),
      "x".repeat(2_000_000),
    ])
      expect(custom(data)?.content, String(data).slice(0, 30)).toBe(null);
    expect(custom({}, new Map())?.content).toBe(null);
    expect(acceptOutput({ id: "a", content: { kind: "drawn", svg: "<b>" } })?.content).toBe(null);
  });

  test("weighs about what it takes, pictures included", () => {
    const weigh = (content: object) => acceptOutput({ id: "a", content })?.weight;
    const png = "A".repeat(4_000_000);
    const picture = { png, width: 10, height: 10 };
    expect(weigh({ kind: "images", images: [picture], scale: 1, alt: "" })).toBeGreaterThan(4_000_000);
    expect(weigh({ kind: "text", level: "log", text: "four" })).toBe(4);
    // Six such pictures in one output are too much.
    expect(acceptOutput({ id: "a", content: { kind: "images", images: new Array(6).fill(picture), scale: 1, alt: "" } })?.content).toBe(
      null,
    );
  });
});

describe("a file's code finds its place in a lesson", () => {
  const cells = [
    { id: "data", source: "1" },
    { id: "model", source: "2\n" },
    { id: "train", source: "3" },
  ];
  const notebook = (...code: readonly [id: string, source: string][]) => ({
    title: "t",
    cells: [
      { kind: "markdown" as const, id: "data", source: "words" },
      ...code.map(([id, source]) => ({ kind: "code" as const, id, source })),
    ],
  });

  test("by the names of cells, whatever their order, leaving the others as they are", () => {
    const placed = placeIn(cells, notebook(["train", "new"], ["data", "1"], ["extra", "9"]));
    expect([...placed.changes]).toEqual([["train", "new"]]);
    expect(placed).toMatchObject({ found: 2, left: 1 });
  });

  test("by their order where the file has no names of cells", () => {
    const placed = placeIn(cells, notebook(["cell-1", "1"], ["cell-2", "2"], ["cell-3", "new"]));
    expect([...placed.changes]).toEqual([["train", "new"]]);
    expect(placed).toMatchObject({ found: 3, left: 0 });
  });

  test("and finds none where neither fits", () => {
    expect(placeIn(cells, notebook(["a", "1"], ["b", "2"]))).toMatchObject({ found: 0, left: 2 });
  });
});

describe("a board", () => {
  const board = { rows: 2, columns: 2, fields: ["x", "", "", "black"] };

  test("lets empty fields be chosen, or those that its cell names", () => {
    expect([...boardOf(board)!.open]).toEqual([1, 2]);
    expect([...boardOf({ ...board, open: [2, 7, "1"] })!.open]).toEqual([2]);
  });

  test("is none where the data is not of its form", () => {
    for (const bad of [null, 3, {}, { ...board, rows: 3 }, { ...board, rows: 1e9 }, { ...board, fields: ["long text", "", "", ""] }])
      expect(boardOf(bad)).toBe(null);
    expect(movesOf([1, "2", 3.5, 4])).toEqual([1, 4]);
    expect(movesOf("14")).toEqual([]);
  });
});

test("names are made where browsers have no randomUUID, and no two are the same", () => {
  const ids = Array.from({ length: 1000 }, newId);
  expect(new Set(ids).size).toBe(1000);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
