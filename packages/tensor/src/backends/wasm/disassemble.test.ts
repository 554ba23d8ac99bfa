import { describe, expect, test } from "vitest";
import { ModuleBuilder } from "./assembler.ts";
import { disassemble } from "./disassemble.ts";

describe("disassemble", () => {
  test("it shows blocks, locals, constants, calls and memory operands as the text format does", () => {
    const module = new ModuleBuilder();
    module.importMemory("env", "memory", { initialPages: 1 });
    const log = module.importFunction("math", "log", ["f64"], ["f64"]);
    module.func("half", ["i32"], ["f64"], (f) => {
      const x = f.local("v128");
      f.get(f.param(0)).load("v128.load", 16, 4).set(x);
      f.get(f.param(0)).if_(
        () => f.f64(-0.5).call(log),
        () => f.get(x).lane("f64x2.extract_lane", 1),
        "f64",
      );
      f.i32(-200).drop();
      f.i32x4(1, 2, 3, 4).get(x).op("f32x4.relaxed_max").drop();
    });
    expect(disassemble(module.finish()).split("\n")).toEqual([
      "func $half (i32) -> (f64)",
      "  (local v128)",
      "  local.get 0",
      "  v128.load offset=16 align=4",
      "  local.set 1",
      "  local.get 0",
      "  if (result f64)",
      "    f64.const -0.5",
      "    call $math.log",
      "  else",
      "    local.get 1",
      "    f64x2.extract_lane 1",
      "  end",
      "  i32.const -200",
      "  drop",
      "  v128.const i32x4 0x00000001 0x00000002 0x00000003 0x00000004",
      "  local.get 1",
      "  f32x4.relaxed_max",
      "  drop",
    ]);
  });
});
