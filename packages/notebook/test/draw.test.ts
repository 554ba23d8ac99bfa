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
