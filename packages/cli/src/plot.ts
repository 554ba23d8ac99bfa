/** Dots of a braille character (U+2800 + bits): two columns of four rows. */
const dots = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const;

export interface LineOptions {
  /** Size in characters, without the axes. */
  readonly width?: number;
  readonly height?: number;
  readonly label?: string;
}

/** A curve through `values` at equal distances, drawn in braille dots above a line that counts from 1 to `values.length`. */
export function linePlot(values: readonly number[], options: LineOptions = {}): string {
  const { width = 60, height = 8, label = "" } = options;
  const cells = Array.from({ length: height }, () => new Uint8Array(width));
  const top = Math.max(...values);
  const bottom = Math.min(0, ...values);
  const yOf = (v: number) => Math.round((1 - (v - bottom) / (top - bottom || 1)) * (height * 4 - 1));
  let last: number | undefined;
  for (let x = 0; x < width * 2; x++) {
    const at = (x / (width * 2 - 1)) * (values.length - 1);
    const [low, high] = [values[Math.floor(at)]!, values[Math.ceil(at)]!];
    const y = yOf(low + (high - low) * (at % 1));
    // Steep parts are drawn without gaps.
    for (let i = Math.min(y, last ?? y); i <= Math.max(y, last ?? y); i++) cells[i >> 2]![x >> 1]! |= dots[i & 3]![x & 1]!;
    last = y;
  }
  const margin = 6;
  const rows = cells.map((row, i) => {
    const value = i === 0 ? top : i === height - 1 ? bottom : undefined;
    return `${(value?.toFixed(2) ?? "").padStart(margin)} ┤${String.fromCharCode(...Array.from(row, (bits) => 0x2800 + bits))}`.trimEnd();
  });
  const end = `${values.length} ${label}`;
  return [...rows, `${" ".repeat(margin)} └${"─".repeat(width)}`, `${" ".repeat(margin + 2)}1${end.padStart(width - 1)}`].join("\n");
}

export interface GridOptions {
  readonly xRange: readonly [number, number];
  readonly yRange: readonly [number, number];
  readonly xLabel: string;
  readonly yLabel: string;
}

/** A picture of rows of single characters (first row on top; each may be styled) with axes around. */
export function gridPlot(rows: readonly (readonly string[])[], { xRange, yRange, xLabel, yLabel }: GridOptions): string {
  const width = rows[0]!.length;
  const body = rows.map((row, i) => {
    const value = i === 0 ? yRange[1] : i === rows.length - 1 ? yRange[0] : undefined;
    return `${(value?.toFixed(1) ?? "").padStart(6)} ┤${row.join("")}`;
  });
  const [left, right] = [xRange[0].toFixed(1), xRange[1].toFixed(1)];
  const middle = xLabel
    .padStart(Math.floor((width - left.length - right.length + xLabel.length) / 2))
    .padEnd(width - left.length - right.length);
  return [`       ${yLabel}`, ...body, `       └${"─".repeat(width)}`, `        ${left}${middle}${right}`].join("\n");
}
