import { ArgumentError, ShapeError, type Tensor } from "@gradus/tensor";
import { camelCase } from "../serialize.ts";
import { type Dims, showDims } from "../symbolic.ts";

/** Where the channels are: last, as TensorFlow and Keras keep them, or after the batch, as PyTorch does. */
export type DataFormat = "channelsLast" | "channelsFirst";

export interface DataFormatOption {
  /** Default "channelsLast". */
  readonly dataFormat?: DataFormat | null;
}

/** One number for every spatial axis, or one each. */
export type PerAxis = number | readonly number[];

/** Throws ArgumentError for anything else than the two formats. */
export function dataFormatOf(layer: string, given: DataFormat | null | undefined): DataFormat {
  return choice(layer, "dataFormat", given ?? "channelsLast", ["channelsLast", "channelsFirst"]);
}

export const channelAxis = (format: DataFormat): 1 | -1 => (format === "channelsLast" ? -1 : 1);

/** Runs a function made for channels last on an input in the format. */
export function withChannelsLast(x: Tensor, format: DataFormat, f: (x: Tensor) => Tensor): Tensor {
  return format === "channelsLast" ? f(x) : f(x.moveaxis(1, -1)).moveaxis(-1, 1);
}

/** One of some words, also as Keras spells it ("channels_last"), else ArgumentError. */
export function choice<T extends string>(layer: string, name: string, given: T, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === given || word === camelCase(String(given)));
  if (found === undefined)
    throw new ArgumentError(
      layer,
      `${name} is ${JSON.stringify(given)}`,
      `Use ${allowed.map((word) => JSON.stringify(word)).join(" or ")}`,
    );
  return found;
}

/** An integer of at least `least`, else ArgumentError. */
export function integer(layer: string, name: string, value: number, least = 1): number {
  if (!Number.isInteger(value) || value < least)
    throw new ArgumentError(layer, `${name} is ${JSON.stringify(value)}`, `Give an integer of at least ${least}`);
  return value;
}

/** One positive integer per spatial axis, else ArgumentError. */
export function perAxis(layer: string, name: string, value: PerAxis, rank: number, least = 1): number[] {
  const list = typeof value === "number" ? new Array<number>(rank).fill(value) : value;
  if (!Array.isArray(list) || list.length !== rank || list.some((n) => !Number.isInteger(n) || n < least))
    throw new ArgumentError(
      layer,
      `${name} is ${JSON.stringify(value)}`,
      `Give an integer of at least ${least}${rank > 1 ? `, or ${rank} of them` : ""}`,
    );
  return [...list];
}

/** A probability below 1 (`rate` of dropping), else ArgumentError. */
export function rateOf(layer: string, rate: number): number {
  if (!(rate >= 0 && rate <= 1)) throw new ArgumentError(layer, `rate is ${rate}`, "It is the share to drop, from 0 to 1");
  return rate;
}

/** `new Layer(2, { ... })` and `new Layer({ size: 2, ... })` alike: the options with the first argument among them. */
export function withFirst<Options extends object>(key: string & keyof Options, first: unknown, options: Options): Options {
  if (first === undefined) return options;
  const isOptions = typeof first === "object" && first !== null && !Array.isArray(first);
  return isOptions ? { ...options, ...(first as Options) } : { ...options, [key]: first };
}

/** An axis counted from the start; ShapeError where the input has no such axis. */
export function axisOf(layer: string, axis: number, shape: Dims): number {
  const found = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(axis) || found < 0 || found >= shape.length)
    throw new ShapeError(layer, `axis ${axis} is not in an input of shape ${showDims(shape)}`);
  return found;
}
