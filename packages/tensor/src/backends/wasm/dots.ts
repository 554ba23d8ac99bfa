import type { Access, Value } from "../../compile/kernel.ts";
import type { DType } from "../../dtype.ts";
import type { FunctionBuilder, Local } from "./assembler.ts";

/*
 * Sums of products of narrow integers, such as weights of 8 or 4 bits with inputs rounded to 16: an instruction multiplies eight pairs of
 * 16 bits and adds neighbouring products, so that lanes of 32 bits are a sum already. int32 wraps around, so no order of adding matters.
 */

/** What fits into 16 bits with its sign: a stored number next to its neighbours, or the low or high bits of one. */
type Narrow =
  | { readonly op: "load"; readonly access: Access; readonly dtype: "int8" | "uint8" | "int16" }
  | { readonly op: "and" | "shr"; readonly of: Narrow; readonly by: number };

/** Σ a · b over its products, at each place of a row. */
export interface Dot {
  readonly products: readonly (readonly [Narrow, Narrow])[];
}

/** Places that are worked on together. */
export const dotPlaces = 32;
const lanes = 8;

/** What reduction `i` of a body adds up, as such products, where neighbours in a row lie along `laneDim`; null for all others. */
export function dotOf(body: readonly Value[], i: number, laneDim: number): Dot | null {
  const reduced = body[i]!;
  if (reduced.op !== "reduce" || reduced.kind !== "sum") return null;
  const known = new Map<number, Narrow | null>();
  const narrow = (k: number): Narrow | null => {
    if (!known.has(k)) known.set(k, find(body[k]!));
    return known.get(k)!;
  };
  const constant = (v: Value): number => (v.op === "constant" ? v.value : -1);
  const find = (v: Value): Narrow | null => {
    if (v.op === "load") {
      const { dtype, access } = v;
      const next = access.strides[laneDim] === 1 && !access.guards.length;
      return next && isNarrow(dtype) ? { op: "load", access, dtype } : null;
    }
    if (v.op === "cast") return v.dtype === "int32" || v.dtype === "int16" ? narrow(v.args[0]!) : null;
    if (v.op !== "and" && v.op !== "shr") return null;
    const [of, by] = [narrow(v.args[0]!), constant(body[v.args[1]!]!)];
    if (!of || !(v.op === "and" ? by >= 0 && by < 2 ** 15 : by >= 0 && by < 16 && isPositive(of))) return null;
    return { op: v.op, of, by };
  };
  const products = (k: number): [Narrow, Narrow][] | null => {
    const v = body[k]!;
    if (v.dtype !== "int32") return null;
    if (v.op === "add") {
      const [a, b] = [products(v.args[0]!), products(v.args[1]!)];
      return a && b && [...a, ...b];
    }
    if (v.op !== "mul") return null;
    const [a, b] = [narrow(v.args[0]!), narrow(v.args[1]!)];
    return a && b && [[a, b]];
  };
  const found = products(reduced.args[0]!);
  return found && { products: found };
}

const isNarrow = (dtype: DType): dtype is "int8" | "uint8" | "int16" => dtype === "int8" || dtype === "uint8" || dtype === "int16";
const isPositive = (n: Narrow): boolean => n.op !== "load" || n.dtype === "uint8";

/**
 * Adds the products at the next `dotPlaces` places of a row to `sums`, vectors of int32 that are summed up in the end. `address` pushes where
 * an access is so many places ahead, and gives the immediate offset that goes with it.
 */
export function emitDot(
  f: FunctionBuilder,
  { products }: Dot,
  address: (access: Access, ahead: number) => number,
  sums: readonly Local[],
): void {
  let turn = 0;
  for (let ahead = 0; ahead < dotPlaces; ahead += lanes) {
    const kept = new Map<Narrow, Local>();
    const push = (n: Narrow): void => {
      const local = kept.get(n);
      if (local) {
        f.get(local);
        return;
      }
      if (n.op === "load") {
        const offset = address(n.access, ahead);
        if (n.dtype === "int16") f.load("v128.load", offset, 2);
        else f.load(n.dtype === "int8" ? "v128.load8x8_s" : "v128.load8x8_u", offset, 1);
        // Bytes that hold two numbers are read once.
        const own = f.local("v128");
        f.set(own).get(own);
        kept.set(n, own);
        return;
      }
      push(n.of);
      if (n.op === "and") f.constant(Int16Array.of(n.by)).op("v128.and");
      else if (n.by) f.i32(n.by).op("i16x8.shr_u");
    };
    for (const [a, b] of products) {
      const sum = sums[turn++ % sums.length]!;
      f.get(sum);
      push(a);
      push(b);
      f.op("i32x4.dot_i16x8_s").op("i32x4.add").set(sum);
    }
    f.release(...kept.values());
  }
}
