import * as Plot from "@observablehq/plot";
import type { Axis, Color, PlotContent, PlottedMark } from "./output.ts";

const roles = { data: "var(--data)", model: "var(--model)", truth: "var(--truth)", error: "var(--error)", muted: "var(--muted)" };
/** For classes and unnamed series: told apart by the colour-blind too (after Okabe and Ito). */
const series = ["var(--s0)", "var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)", "var(--s5)", "var(--s6)", "var(--s7)"];

const colorOf = (color: Color | undefined, index: number): string =>
  typeof color === "number"
    ? series[((color % series.length) + series.length) % series.length]!
    : color
      ? roles[color]
      : series[index % series.length]!;

const axisOf = (axis: Axis | string | undefined): Axis => (typeof axis === "string" ? { label: axis } : (axis ?? {}));

/** Points of a line beyond which every second, fourth, ... is drawn: a screen has no more. */
const mostPoints = 4000;

function thinned(x: readonly number[], y: readonly number[]): { x: number; y: number }[] {
  const stride = Math.ceil(x.length / mostPoints);
  const points: { x: number; y: number }[] = [];
  for (let i = 0; i < x.length; i += stride) points.push({ x: x[i]!, y: y[i]! });
  if (x.length && (x.length - 1) % stride) points.push({ x: x.at(-1)!, y: y.at(-1)! });
  return points;
}

/** Draws a plot. On the server, `document` stands for the page's. */
export function drawPlot({ marks, options }: PlotContent, width: number, document?: Document): Element {
  // Of a map all is shown, and no more.
  const map = marks.find((m) => m.mark === "contour");
  const axis = (of: "x" | "y"): Axis => ({ ...(map ? { domain: map[of] } : {}), ...axisOf(options[of]) });
  const [x, y] = [axis("x"), axis("y")];
  const shown = Math.min(options.width ?? width, width);
  const heat = marks.some((m) => m.mark === "heatmap");
  const bars = marks.some((m) => m.mark === "bars" || m.mark === "boxes");
  const labelled = marks.some((m) => m.label && m.mark === "line");
  const drawn = marks.flatMap((m, i) => draw(m, i, marks));
  const height = options.height ?? (heat ? heatHeight(marks, shown) : Math.round(Math.min(360, shown * 0.58)));
  const scale = (axis: Axis) => ({
    label: axis.label ?? null,
    ...(axis.domain ? { domain: [...axis.domain] } : {}),
    ...(axis.log ? { type: "log" as const } : {}),
  });
  const margins = { marginRight: labelled ? 84 : 24, marginLeft: heat || bars ? 62 : 50, marginTop: 24, marginBottom: 40 };
  const fixed: Plot.PlotOptions = {
    ...(document ? { document } : {}),
    ...margins,
    className: "plot",
    // Names that look like numbers are names all the same.
    x: heat
      ? { axis: null }
      : options.axes === false
        ? { ...scale(x), axis: null }
        : bars
          ? { ...scale(x), type: "band", labelArrow: "none" }
          : { ...scale(x), nice: !x.domain, ticks: shown < 420 ? 4 : 6, labelArrow: "none" },
    y: heat
      ? { axis: null }
      : options.axes === false
        ? { ...scale(y), axis: null }
        : { ...scale(y), nice: !y.domain, ticks: 5, grid: !heat, labelArrow: "none" },
    color: colorScale(marks),
    marks: drawn,
  };
  const across = margins.marginLeft + margins.marginRight;
  const down = margins.marginTop + margins.marginBottom;
  let plot = Plot.plot({ ...fixed, width: shown, height });
  if (options.square) {
    const ratio = units(plot.scale("y")) / units(plot.scale("x"));
    const room = shown - across;
    // With a height of its own it is as wide as follows from it, where there is room.
    const wide = options.height === undefined ? room : Math.min(room, (options.height - down) / ratio);
    if (wide > 0 && ratio > 0 && Number.isFinite(ratio))
      plot = Plot.plot({ ...fixed, width: Math.round(wide + across), height: Math.round(wide * ratio + down) });
  }
  if (options.title) addTitle(plot, options.title);
  plot.setAttribute("role", "img");
  // The picture has one text; groups may not have labels of their own.
  for (const group of plot.querySelectorAll("g[aria-label]")) group.removeAttribute("aria-label");
  plot.setAttribute("aria-label", altOf({ kind: "plot", marks, options }));
  return plot;
}

/** Writes a title above a plot, which grows by it. */
function addTitle(plot: Element, title: string): void {
  const svg = plot.matches("svg") ? plot : plot.querySelector("svg.plot");
  if (!svg) return;
  const [across, down] = [Number(svg.getAttribute("width")), Number(svg.getAttribute("height"))];
  const lines = wrapped(title, across / titleSize.character);
  const room = lines.length * titleSize.line + 4;
  svg.setAttribute("viewBox", `0 ${-room} ${across} ${down + room}`);
  svg.setAttribute("height", String(down + room));
  const text = svg.ownerDocument.createElementNS("http://www.w3.org/2000/svg", "text");
  const look = { class: "title", fill: "currentColor", "font-size": 14, "font-weight": 600, "text-anchor": "start" };
  for (const [name, value] of Object.entries(look)) text.setAttribute(name, String(value));
  for (const [i, line] of lines.entries()) {
    const span = svg.ownerDocument.createElementNS("http://www.w3.org/2000/svg", "tspan");
    span.setAttribute("x", "0");
    span.setAttribute("y", String(titleSize.line * (i + 1) - room - 4));
    span.textContent = line;
    text.append(span);
  }
  svg.append(text);
}

/** Of a line of a title, and of one character of it at most, more or less. */
const titleSize = { line: 19, character: 7.2 };

/** A text in lines of so many characters; a longer word has one of its own. */
function wrapped(text: string, most: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/))
    if (lines.length && `${lines.at(-1)} ${word}`.length <= most) lines.push(`${lines.pop()} ${word}`);
    else lines.push(word);
  return lines;
}

/** How many units an axis has: names, or what lies between its ends. */
function units(scale: Plot.Scale | undefined): number {
  const domain = [...(scale?.domain ?? [])];
  return scale?.bandwidth === undefined ? Math.abs(Number(domain[1]) - Number(domain[0])) : domain.length;
}

function heatHeight(marks: readonly PlottedMark[], width: number): number {
  const map = marks.find((m) => m.mark === "heatmap");
  if (!map) return 200;
  const cell = Math.min(48, (width - 86) / map.columns);
  return Math.max(70, Math.min(640, Math.round(cell * map.rows) + 64));
}

function colorScale(marks: readonly PlottedMark[]): Plot.ScaleOptions {
  const map = marks.find((m) => m.mark === "heatmap" || m.mark === "contour");
  if (map) {
    const finite = map.values.filter(Number.isFinite);
    const [low, high] = (map.mark === "heatmap" && map.range) || [
      finite.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
      finite.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
    ];
    if (low < 0 && high > 0) {
      const reach = Math.max(-low, high);
      return { type: "diverging", scheme: "RdBu", domain: [-reach, reach], reverse: true };
    }
    // Lines on paper have no use for the palest colours, nor those on black for the darkest.
    const reach = high - low || 1;
    const lines = map.mark === "contour" && !map.filled;
    return { scheme: "YlGnBu", domain: lines ? [low - 0.6 * reach, high + 0.3 * reach] : [low, low + reach] };
  }
  const groups = marks.find((m) => m.mark === "dots" && m.groups);
  if (groups?.mark !== "dots" || !groups.groups) return {};
  const classes = [...new Set(groups.groups)];
  if (classes.length <= series.length)
    return { type: "categorical", domain: classes.sort() as string[], range: series, legend: classes.length > 1 };
  return { scheme: "viridis" };
}

function draw(m: PlottedMark, index: number, all: readonly PlottedMark[]): Plot.Markish[] {
  const color = colorOf(m.color, index);
  switch (m.mark) {
    case "line": {
      const points = thinned(m.x, m.y);
      const style = {
        x: "x",
        y: "y",
        stroke: color,
        strokeWidth: m.width ?? 2,
        ...(m.dashed ? { strokeDasharray: "5,4" } : {}),
        clip: true,
      };
      return [
        Plot.line(points, style as Plot.LineOptions),
        ...(m.arrows && points.length > 1
          ? [
              Plot.arrow(
                points.slice(1).map((p, i) => ({ a: points[i]!, b: p })),
                { x1: (d) => d.a.x, y1: (d) => d.a.y, x2: (d) => d.b.x, y2: (d) => d.b.y, stroke: color, headLength: 6 },
              ),
            ]
          : []),
        ...(m.label
          ? [
              Plot.text(points.slice(-1), {
                x: "x",
                y: "y",
                text: () => m.label!,
                dx: 6,
                dy: nudge(m, all),
                textAnchor: "start",
                fill: color,
                fontSize: 13,
              }),
            ]
          : []),
      ];
    }
    case "dots": {
      const points = m.x.map((x, i) => ({ x, y: m.y[i]!, group: m.groups?.[i] }));
      const stride = Math.ceil(points.length / 20_000);
      const few = points.filter((_, i) => i % stride === 0);
      const paint = m.groups ? { fill: "group" } : { fill: color };
      return [
        Plot.dot(few, { x: "x", y: "y", r: m.size ?? (few.length > 400 ? 1.8 : 3), fillOpacity: few.length > 400 ? 0.55 : 0.8, ...paint }),
        ...(m.label && few.length
          ? [Plot.text([topmost(few)], { x: "x", y: "y", text: () => m.label!, dy: -10, fill: color, fontSize: 13 })]
          : []),
      ];
    }
    case "area":
      return [
        Plot.areaY(
          m.x.map((x, i) => ({ x, low: m.low[i]!, high: m.high[i]! })),
          { x: "x", y1: "low", y2: "high", fill: color, fillOpacity: 0.2 },
        ),
      ];
    case "bars":
      return [
        Plot.barY(
          m.names.map((name, i) => ({ name, value: m.values[i]! })),
          { x: "name", y: "value", fill: color, sort: { x: null } },
        ),
        Plot.ruleY([0]),
      ];
    case "histogram":
      return [
        Plot.rectY(
          m.counts.map((count, i) => ({ count, a: m.edges[i]!, b: m.edges[i + 1]! })),
          { x1: "a", x2: "b", y: "count", fill: color, inset: 0.5 },
        ),
        Plot.ruleY([0]),
      ];
    case "contour":
      return [contour(m, m.color === undefined ? undefined : color)];
    case "heatmap":
      return heatmap(m);
    case "boxes":
      return [
        Plot.ruleX(m.boxes, { x: "name", y1: "low", y2: "high", stroke: color }),
        Plot.barY(m.boxes, {
          x: "name",
          y1: "q1",
          y2: "q3",
          fill: color,
          fillOpacity: 0.35,
          stroke: color,
          insetLeft: 6,
          insetRight: 6,
          sort: { x: null },
        }),
        Plot.tickY(m.boxes, { x: "name", y: "median", stroke: color, strokeWidth: 2.5, insetLeft: 6, insetRight: 6 }),
        Plot.dot(
          m.boxes.flatMap((b) => b.outliers.map((v) => ({ name: b.name, v }))),
          { x: "name", y: "v", r: 1.5, stroke: color, strokeOpacity: 0.5 },
        ),
      ];
    case "text":
      return [
        Plot.text(
          m.x.map((x, i) => ({ x, y: m.y[i]!, t: m.texts[i] ?? "" })),
          { x: "x", y: "y", text: "t", fill: m.color === undefined ? "currentColor" : color, fontSize: 13 },
        ),
      ];
    case "rule":
      return [
        ...(m.x === undefined ? [] : [Plot.ruleX([m.x], { stroke: color, strokeDasharray: "3,3" })]),
        ...(m.y === undefined ? [] : [Plot.ruleY([m.y], { stroke: color, strokeDasharray: "3,3" })]),
        ...(m.label && m.y !== undefined
          ? [Plot.text([m.label], { y: [m.y], frameAnchor: "right", dy: -8, fill: color, fontSize: 13 })]
          : []),
      ];
  }
}

/** Labels at the ends of lines keep their distance: those that would meet move apart. */
function nudge(m: PlottedMark & { mark: "line" }, all: readonly PlottedMark[]): number {
  const lines = all.filter((l): l is PlottedMark & { mark: "line" } => l.mark === "line" && l.label !== undefined && l.y.length > 0);
  const values = lines.flatMap((l) => [...l.y]).filter(Number.isFinite);
  const [low, high] = [
    values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ];
  const height = 260;
  const place = (l: PlottedMark & { mark: "line" }) => (height * (high - l.y.at(-1)!)) / (high - low || 1);
  const sorted = [...lines].sort((a, b) => place(a) - place(b));
  let last = Number.NEGATIVE_INFINITY;
  for (const l of sorted) {
    const at = Math.max(place(l), last + 15);
    if (l === m) return at - place(l);
    last = at;
  }
  return 0;
}

const topmost = <T extends { y: number }>(points: readonly T[]): T => points.reduce((a, b) => (b.y > a.y ? b : a));

/** Contours go once around the values that they are given: those are continued by one, so that this is outside the frame. */
function contour(m: PlottedMark & { mark: "contour" }, color: string | undefined): Plot.Markish {
  const { rows, columns, values } = m;
  const next = (a: number, b: number): number => 2 * a - b;
  const along = (row: readonly number[]): number[] => [next(row[0]!, row[1] ?? row[0]!), ...row, next(row.at(-1)!, row.at(-2) ?? row[0]!)];
  const inner = Array.from({ length: rows }, (_, r) => along(values.slice(r * columns, (r + 1) * columns)));
  const beyond = (edge: readonly number[], before: readonly number[]) => edge.map((v, i) => next(v, before[i]!));
  const grid = [beyond(inner[0]!, inner[1] ?? inner[0]!), ...inner, beyond(inner.at(-1)!, inner.at(-2) ?? inner[0]!)];
  // The first and the last value lie on the ends of an axis, in the middle of their pixels.
  const ends = ([low, high]: readonly [number, number], count: number): [number, number] => {
    const step = (high - low) / Math.max(1, count - 1);
    return [low - 1.5 * step, high + 1.5 * step];
  };
  const [[x1, x2], [y1, y2]] = [ends(m.x, columns), ends(m.y, rows)];
  return Plot.contour(grid.flat(), {
    ...{ width: columns + 2, height: rows + 2, x1, x2, y1, y2, thresholds: m.levels, clip: true },
    ...(m.filled
      ? { fill: (v: number) => v, stroke: "currentColor", strokeOpacity: 0.15 }
      : { stroke: color ?? ((v: number) => v), strokeWidth: 1.3 }),
  } as Plot.ContourOptions);
}

function heatmap(m: PlottedMark & { mark: "heatmap" }): Plot.Markish[] {
  const cells = m.values.map((value, i) => ({ value, row: Math.floor(i / m.columns), column: i % m.columns }));
  const gap = m.columns > 60 || m.rows > 60 ? -0.3 : 0.5;
  const names = (list: readonly string[] | undefined) => (list ? list.map((name, i) => ({ name, i })) : []);
  return [
    Plot.rect(cells, { x1: "column", x2: (d) => d.column + 1, y1: (d) => -d.row, y2: (d) => -d.row - 1, fill: "value", inset: gap }),
    ...(m.numbers
      ? [
          Plot.text(cells, {
            ...{
              x: (d) => d.column + 0.5,
              y: (d) => -d.row - 0.5,
              text: (d) => (Number.isInteger(d.value) ? String(d.value) : d.value.toPrecision(2)),
              fontSize: 12,
            },
            ...{ fill: "black", stroke: "white", strokeWidth: 3, paintOrder: "stroke" },
          } as Plot.TextOptions),
        ]
      : []),
    Plot.text(names(m.rowNames), { x: 0, y: (d: { i: number }) => -d.i - 0.5, text: "name", textAnchor: "end", dx: -6, fontSize: 12 }),
    Plot.text(names(m.columnNames), { x: (d: { i: number }) => d.i + 0.5, y: -m.rows, text: "name", dy: 12, fontSize: 12 }),
  ];
}

/** What a plot shows, in words: given, or made of its marks. */
export function altOf({ marks, options }: PlotContent): string {
  if (options.alt) return options.alt;
  const range = (values: readonly number[]) => {
    const finite = values.filter(Number.isFinite);
    if (!finite.length) return "no values";
    const short = (v: number) => String(Number(v.toPrecision(3)));
    return `${short(finite.reduce((a, b) => Math.min(a, b)))} to ${short(finite.reduce((a, b) => Math.max(a, b)))}`;
  };
  const parts = marks.map((m) => {
    const name = m.label ? `${m.label}: ` : "";
    if (m.mark === "line") return `${name}a line of ${m.y.length} points, y from ${range(m.y)}`;
    if (m.mark === "dots") return `${name}${m.y.length} dots, y from ${range(m.y)}`;
    if (m.mark === "bars")
      return `${name}bars ${m.names
        .map((n, i) => `${n} ${Number(m.values[i]!.toPrecision(3))}`)
        .slice(0, 12)
        .join(", ")}`;
    if (m.mark === "histogram") return `${name}a histogram from ${range(m.edges)}`;
    if (m.mark === "heatmap" || m.mark === "contour")
      return `${name}${m.mark === "heatmap" ? "a heat map" : "contour lines"} of ${m.rows} by ${m.columns} values from ${range(m.values)}`;
    if (m.mark === "boxes")
      return `${name}box plots: ${m.boxes
        .map((b) => `${b.name} median ${Number(b.median.toPrecision(3))}`)
        .slice(0, 12)
        .join(", ")}`;
    return name.replace(/: $/, "");
  });
  const axes = [axisOf(options.x).label, axisOf(options.y).label].filter(Boolean);
  return [options.title, ...parts.filter(Boolean), axes.length ? `Axes: ${axes.join(" and ")}` : ""].filter(Boolean).join(". ");
}
