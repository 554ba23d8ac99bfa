import { encodePng } from "@gradus/data";

export interface PairMapOptions {
  /** Values that have the darkest and the lightest colour. */
  readonly range: readonly [number, number];
  /** "expected distance, Å" */
  readonly label: string;
  /** Of the axes. */
  readonly x: string;
  readonly y: string;
}

/** From small to large. */
const stops = [
  [12, 56, 38],
  [44, 122, 75],
  [150, 205, 170],
  [255, 255, 255],
] as const;

function colour(share: number): readonly number[] {
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const [low, high] = [stops[Math.floor(at)]!, stops[Math.ceil(at)]!];
  return low.map((v, k) => Math.round(v + (high[k]! - v) * (at % 1)));
}

/** Values of pairs of residues [n, n], rows from the top, as an SVG drawing with axes: a picture, since cells would be too many. */
export async function pairMap(values: ArrayLike<number>, n: number, { range, label, x, y }: PairMapOptions): Promise<string> {
  const [low, high] = range;
  const data = new Uint8Array(n * n * 3);
  for (let i = 0; i < n * n; i++) data.set(colour((values[i]! - low) / (high - low)), 3 * i);
  const png = Buffer.from(await encodePng({ dtype: "uint8", shape: [n, n, 3], data })).toString("base64");
  const [left, top, size, gap] = [56, 8, 460, 24];
  const step = niceStep(n);
  const ticks = Array.from({ length: Math.floor(n / step) }, (_, k) => (k + 1) * step);
  const at = (residue: number): number => ((residue - 0.5) / n) * size;
  const legend = left + size + gap;
  const text = (px: number, py: number, content: string, more = ""): string => `<text x="${px}" y="${py}" ${more}>${content}</text>`;
  const parts = [
    `<image href="data:image/png;base64,${png}" x="${left}" y="${top}" width="${size}" height="${size}" preserveAspectRatio="none" style="image-rendering:pixelated"/>`,
    `<rect x="${left}" y="${top}" width="${size}" height="${size}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>`,
    ...ticks.flatMap((residue) => [
      text(left + at(residue), top + size + 16, String(residue), 'text-anchor="middle"'),
      text(left - 6, top + at(residue) + 4, String(residue), 'text-anchor="end"'),
    ]),
    text(left + size / 2, top + size + 36, x, 'text-anchor="middle"'),
    text(14, top + size / 2, y, `text-anchor="middle" transform="rotate(-90 14 ${top + size / 2})"`),
    ...Array.from({ length: 40 }, (_, k) => {
      const fill = colour(1 - k / 39).join(" ");
      return `<rect x="${legend}" y="${top + (k * size) / 40}" width="14" height="${size / 40 + 0.5}" fill="rgb(${fill})"/>`;
    }),
    text(legend + 20, top + 10, String(Number(high.toFixed(1)))),
    text(legend + 20, top + size, String(Number(low.toFixed(1)))),
    text(legend + 30, top + size / 2, label, `text-anchor="middle" transform="rotate(-90 ${legend + 30} ${top + size / 2})"`),
  ];
  return `<svg class="plot" role="img" aria-label="${label} by pairs of residues" viewBox="0 0 ${legend + 60} ${size + 52}" width="${legend + 60}" font-size="12" font-family="system-ui, sans-serif">${parts.join("")}</svg>`;
}

/** 1, 2 or 5 times a power of ten, so that an axis has up to eight marks. */
function niceStep(n: number): number {
  const power = 10 ** Math.floor(Math.log10(n / 8));
  return Math.max(1, [1, 2, 5, 10].map((k) => k * power).find((step) => n / step <= 8) ?? 1);
}
