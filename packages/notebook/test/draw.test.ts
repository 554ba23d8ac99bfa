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
  expect((height - 24 - 40) / (600 - 50 - 24)).toBeCloseTo(0.5, 1);
  expect(size(draw([line([0, 1], [0, 1])], { square: true, height: 320 }))[1]).toBe(320);
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
