import type { DType } from "../dtype.ts";

/** What a plan has to know of the device it is for. */
export interface Target {
  /** Bytes of a stored element. */
  bytesOf(dtype: DType): number;
  /** Intermediates start at multiples of `alignment` bytes and cross no multiple of `segment`. */
  readonly alignment: number;
  readonly segment: number;
  /** Buffers that one kernel may use. */
  readonly slots: number;
  /** Types whose contractions have a kernel of their own. */
  readonly contractions: readonly DType[];
  /** How a contraction is joined with what follows: block by block of its rows in cache, or element by element in registers. */
  readonly joins: "rows" | "elements";
  /** Whether large 3 x 3 convolutions go by Winograd's algorithm. */
  readonly winograd: boolean;
}
