import { bytesOf, type DType } from "../../dtype.ts";
import type { FunctionBuilder, Local } from "./assembler.ts";

/**
 * Keys: unsigned integers in the order of a type's elements, so that one routine orders all types. Equal numbers (0 and -0
 * among them) have equal keys; NaN has the greatest key, ascending or descending.
 */

/** Registers keys are held in. */
export const keyType = (dtype: DType): "i32" | "i64" => (bytesOf(dtype) === 8 ? "i64" : "i32");

/** Turns the address on the stack into the key of the element there; `descending` reverses the order of numbers. */
export function pushKey(f: FunctionBuilder, dtype: DType, descending: boolean): void {
  switch (dtype) {
    case "bool":
    case "uint8":
      flip(f.load("i32.load8_u"), descending ? 0xff : 0);
      break;
    case "int8":
      flip(f.load("i32.load8_u"), descending ? 0x7f : 0x80);
      break;
    case "uint16":
      flip(f.load("i32.load16_u"), descending ? 0xffff : 0);
      break;
    case "int16":
      flip(f.load("i32.load16_u"), descending ? 0x7fff : 0x8000);
      break;
    case "uint32":
      flip(f.load("i32.load"), descending ? -1 : 0);
      break;
    case "int32":
      flip(f.load("i32.load"), descending ? 0x7fffffff : 0x80000000);
      break;
    case "float16":
      halfKey(f, 0x7c00, descending);
      break;
    case "bfloat16":
      halfKey(f, 0x7f80, descending);
      break;
    case "float32":
      f.scope(() => {
        const [x, bits] = [f.local("f32"), f.local("i32")];
        // Adding zero makes -0 zero.
        f.load("f32.load").f32(0).op("f32.add").tee(x).op("i32.reinterpret_f32").set(bits);
        // Negative numbers are ordered backwards by their bits: all of those flip, of positive ones the sign.
        f.i32(-1).get(bits).get(bits).i32(31).op("i32.shr_s").i32(0x80000000).op("i32.or").op("i32.xor");
        if (descending) flip(f, -1);
        f.get(x).get(x).op("f32.ne").select();
      });
      break;
    case "float64":
      f.scope(() => {
        const [x, bits] = [f.local("f64"), f.local("i64")];
        f.load("f64.load").f64(0).op("f64.add").tee(x).op("i64.reinterpret_f64").set(bits);
        f.i64(-1)
          .get(bits)
          .get(bits)
          .i64(63)
          .op("i64.shr_s")
          .i64(1n << 63n)
          .op("i64.or")
          .op("i64.xor");
        if (descending) f.i64(-1).op("i64.xor");
        f.get(x).get(x).op("f64.ne").select();
      });
  }
}

function flip(f: FunctionBuilder, mask: number): void {
  if (mask) f.i32(mask).op("i32.xor");
}

/** Key of a half-precision type from its bits; above `infinity`, without the sign, they are NaN. */
function halfKey(f: FunctionBuilder, infinity: number, descending: boolean): void {
  f.scope(() => {
    const [bits, size] = [f.local("i32"), f.local("i32")] as [Local, Local];
    f.load("i32.load16_u").tee(bits).i32(0x7fff).op("i32.and").set(size);
    f.i32(0).get(bits).get(size).op("i32.eqz").select().set(bits);
    f.i32(0xffff);
    f.get(bits).i32(0xffff).i32(0x8000).get(bits).i32(0x8000).op("i32.and").select().op("i32.xor");
    flip(f, descending ? 0xffff : 0);
    f.get(size).i32(infinity).op("i32.gt_u").select();
  });
}
