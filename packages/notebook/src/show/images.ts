import { encodePng } from "@gradus/data";
import { ArgumentError, type ArrayData, isArrayData, Tensor } from "@gradus/tensor";
import type { Content } from "../output.ts";
import { View } from "../view.ts";
import { numbersOf, type Values } from "./values.ts";

export interface ImageOptions {
  /** Screen pixels a pixel; default such that small images can be seen. */
  readonly scale?: number;
  /** The values shown black and white. Default 0 and 1, or 0 and 255 for integers. */
  readonly range?: readonly [number, number] | "auto";
  readonly labels?: readonly (string | number)[];
  readonly alt?: string;
}

/**
 * One image [height, width], [height, width, 1] (grey), [height, width, 3] or with 4 channels.
 * @example
 * image(linspace(0, 1, 64).reshape([8, 8]))
 */
export const image = (pixels: Values, options: ImageOptions = {}): Images => new Images(() => contentOf([pixels], options));

/**
 * Images side by side: a list of them, or an array [number, height, width] or [number, height, width, channels].
 * @example
 * images(ngons(6, { seed: 1 }).images, { scale: 2 })
 */
export const images = (pixels: readonly Values[] | Tensor | ArrayData, options: ImageOptions = {}): Images =>
  new Images(() => contentOf(apart(pixels), options));

/** Images below their cell; `update` shows others in their place. */
export class Images extends View {
  update(pixels: readonly Values[] | Tensor | ArrayData, options: ImageOptions = {}): void {
    this.replace(() => contentOf(apart(pixels), options));
  }
}

function apart(pixels: readonly Values[] | Tensor | ArrayData): readonly Values[] {
  if (pixels instanceof Tensor) return Array.from({ length: pixels.shape[0] ?? 0 }, (_, i) => pixels.get(i));
  if (!isArrayData(pixels)) return pixels;
  const [count = 0, ...shape] = pixels.shape;
  const size = shape.reduce((a, b) => a * b, 1);
  return Array.from({ length: count }, (_, i) => ({ dtype: pixels.dtype, shape, data: pixels.data.subarray(i * size, (i + 1) * size) }));
}

async function contentOf(list: readonly Values[], { scale, range, labels, alt }: ImageOptions): Promise<Content> {
  if (list.length > 1000) throw new ArgumentError("images", `there are ${list.length} images`, "Show at most 1000");
  const encoded = await Promise.all(list.map((pixels, i) => encode(pixels, range, labels?.[i])));
  const size = Math.max(1, ...encoded.map((e) => Math.max(e.width, e.height)));
  return {
    kind: "images",
    images: encoded,
    scale: scale ?? Math.max(1, Math.min(8, Math.floor((list.length > 1 ? 96 : 320) / size))),
    alt:
      alt ??
      `${list.length === 1 ? "An image" : `${list.length} images`} of ${encoded[0]?.width ?? 0} by ${encoded[0]?.height ?? 0} pixels`,
  };
}

async function encode(pixels: Values, range: ImageOptions["range"], label: string | number | undefined) {
  const { data, shape } = await numbersOf("image", pixels);
  const [height, width, channels = 1] = shape;
  if (shape.length < 2 || shape.length > 3 || ![1, 3, 4].includes(channels) || !height || !width)
    throw new ArgumentError(
      "image",
      `the array has the shape [${shape.join(", ")}]`,
      "Give [height, width], with 1, 3 or 4 channels at the end if any",
    );
  const finite = data.filter(Number.isFinite);
  const extent = () =>
    finite.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)] as const, [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const);
  const integers = (pixels as Partial<Tensor>).dtype?.includes("int") ?? pixels instanceof Uint8Array;
  const [low, high] = range === "auto" ? extent() : (range ?? (integers ? [0, 255] : [0, 1]));
  const bytes = Uint8Array.from(data, (v) => Math.max(0, Math.min(255, Math.round((255 * (v - low)) / (high - low || 1)))));
  const png = await encodePng({ dtype: "uint8", shape: [height, width, channels], data: bytes });
  let binary = "";
  for (const b of png) binary += String.fromCharCode(b);
  return { png: btoa(binary), width, height, ...(label === undefined ? {} : { label: String(label) }) };
}
