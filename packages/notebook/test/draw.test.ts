import { parseHTML } from "linkedom";
import { expect, test } from "vitest";
import { drawPlot } from "../src/draw.ts";
import type { PlotContent, PlottedMark } from "../src/output.ts";

const draw = (marks: readonly PlottedMark[], options: PlotContent["options"] = {}): Element =>
  drawPlot({ kind: "plot", marks, options }, 600, parseHTML("<!doctype html><html><body></body></html>").document as unknown as Document);

const size = (svg: Element): [number, number] => [Number(svg.getAttribute("width")), Number(svg.getAttribute("height"))];
const line = (x: readonly number[], y: readonly number[]): PlottedMark => ({ mark: "line", x, y });

test("in a square plot one unit of x is as long as one of y", () => {
  const [width, height] = size(draw([line([0, 2], [0, 1])], { square: true, x: { domain: [0, 2] }, y: { domain: [0, 1] } }));
  // Without the margins: 600 - 50 - 24 across for 2 units, so half of that upwards.
  expect(width).toBe(600);
  expect((height - 24 - 40) / (600 - 50 - 24)).toBeCloseTo(0.5, 3);
});

test("a square plot of a given height is as wide as follows from it, where there is room", () => {
  const domains = { x: { domain: [0, 2] }, y: { domain: [0, 1] } } as const;
  const marks = [line([0, 2], [0, 1])];
  expect(size(draw(marks, { ...domains, square: true, height: 264 }))).toEqual([2 * 200 + 50 + 24, 264]);
  const [width, height] = size(draw(marks, { ...domains, square: true, height: 900 }));
  expect(width).toBe(600);
  expect(height).toBeLessThan(400);
  const map: PlottedMark = {
    mark: "heatmap",
    rows: 10,
    columns: 20,
    values: new Array(200).fill(0),
    numbers: false,
    x: [0, 20],
    y: [0, 10],
  };
  expect(size(draw([map], { square: true, height: 164 }))).toEqual([2 * 100 + 62 + 24, 164]);
});

test("a drawing has no axes where none are wanted, and keeps its scales", () => {
  const options = { x: { domain: [0, 10] }, y: { label: "height", domain: [0, 1] } } as const;
  const svg = draw([line([0, 2], [0, 1])], { ...options, axes: false });
  expect(svg.querySelectorAll("text")).toHaveLength(0);
  // A fifth of the way between the margins of 50 and 24.
  expect(svg.querySelector("g path")?.getAttribute("d")).toContain(`L${50 + 0.2 * (600 - 50 - 24)},`);
  expect(draw([line([0, 2], [0, 1])], options).textContent).toContain("height");
});

test("names of bars that look like numbers are drawn as names, without a warning", () => {
  const svg = draw([{ mark: "bars", names: ["1", "10", "2"], values: [3, 1, 2] }]);
  expect(svg.textContent).not.toContain("\u26a0");
  expect([...svg.querySelectorAll("rect")].map((r) => Number(r.getAttribute("width")) > 50)).toEqual([true, true, true]);
  expect(svg.textContent).toMatch(/1.*10.*2/);
});

test("a plot says what it shows, once", () => {
  const svg = draw([{ ...line([0, 1], [2, 5]), label: "error" } as PlottedMark], { x: "step", y: "loss" });
  expect(svg.getAttribute("role")).toBe("img");
  expect(svg.getAttribute("aria-label")).toBe("error: a line of 2 points, y from 2 to 5. Axes: step and loss");
  expect(svg.querySelectorAll("g[aria-label]")).toHaveLength(0);
});

test("a title is written above the plot, which grows by its lines", () => {
  const marks = [line([0, 1], [0, 1])];
  const [, plain] = size(draw(marks));
  const svg = draw(marks, { title: "error after 40 steps: 12.5" });
  const title = svg.querySelector("text.title");
  expect(title?.textContent).toBe("error after 40 steps: 12.5");
  expect(title?.getAttribute("text-anchor")).toBe("start");
  expect(size(svg)).toEqual([600, plain + 23]);
  expect(svg.getAttribute("viewBox")).toBe(`0 -23 600 ${plain + 23}`);
  const long = draw(marks, { title: "a title of many words ".repeat(8).trim() });
  const spans = [...long.querySelectorAll("text.title tspan")];
  expect(spans.map((s) => s.textContent).join(" ")).toBe("a title of many words ".repeat(8).trim());
  expect(spans.length).toBeGreaterThan(1);
  for (const span of spans) {
    expect(span.textContent!.length).toBeLessThan(84);
    expect(Number(span.getAttribute("y"))).toBeLessThan(0);
  }
});

test("a title stands above a plot with a legend, too", () => {
  const svg = draw([{ mark: "dots", x: [0, 1], y: [0, 1], groups: ["a", "b"] }], { title: "two classes" });
  expect(svg.querySelectorAll("text.title")).toHaveLength(1);
});

const bowl = (n: number): number[] => Array.from({ length: n * n }, (_, i) => ((i % n) - 2) ** 2 + (Math.floor(i / n) - 2) ** 2);
const map = (more: object = {}): PlottedMark =>
  ({ mark: "contour", values: bowl(5), rows: 5, columns: 5, x: [-2, 2], y: [-2, 2], levels: 5, filled: false, ...more }) as PlottedMark;

test("contours end at the frame of a map, and lie where their values are", () => {
  const svg = draw([map()], { square: true, width: 300 });
  const [width, height] = size(svg);
  const rings = [...svg.querySelectorAll("path[stroke]")].flatMap((p) =>
    p
      .getAttribute("d")!
      .split("Z")
      .filter(Boolean)
      .map((d) => [...d.matchAll(/(-?[\d.]+),(-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)] as const)),
  );
  expect(rings.length).toBeGreaterThan(10);
  // What closes a line lies beyond the frame, where it is not seen.
  const edges = [
    [0, 50],
    [0, width - 24],
    [1, 24],
    [1, height - 40],
  ] as const;
  for (const [axis, at] of edges)
    for (const ring of rings)
      for (const [i, point] of ring.slice(1).entries())
        expect(point[axis] === at && ring[i]![axis] === at && Math.abs(point[1 - axis]! - ring[i]![1 - axis]!) > 1).toBe(false);
  // The bowl's middle is that of the plot.
  const inner = rings
    .map((ring) => ring.map(([x]) => x))
    .sort((a, b) => Math.max(...a) - Math.min(...a) - Math.max(...b) + Math.min(...b))
    .find((xs) => Math.min(...xs) > 60 && Math.max(...xs) < width - 34)!;
  expect((Math.max(...inner) + Math.min(...inner)) / 2).toBeCloseTo((50 + width - 24) / 2, 3);
});

test("lines of a map have the colour that is asked for, else one for each height", () => {
  const strokes = (svg: Element) => new Set([...svg.querySelectorAll("[stroke]")].map((e) => e.getAttribute("stroke")));
  expect(strokes(draw([map({ color: "muted" })]))).toContain("var(--muted)");
  expect(strokes(draw([map()])).size).toBeGreaterThan(3);
});

test("a heat map of one value is pale, as what is least is elsewhere", () => {
  const fills = (values: readonly number[]) =>
    [...draw([{ mark: "heatmap", values, rows: 1, columns: 2, x: [0, 2], y: [0, 1], numbers: false }]).querySelectorAll("rect[fill]")].map(
      (e) => e.getAttribute("fill"),
    );
  const [least] = fills([0, 1]);
  expect(fills([0, 0])).toEqual([least, least]);
});
