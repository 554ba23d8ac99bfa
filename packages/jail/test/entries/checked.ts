import type { Seal } from "./code.ts";

/** A small library whose functions checks use, as an entry would hand it to submissions. */
class Vector {
  static made = 0;
  readonly items: number[];
  constructor(items: number[]) {
    this.items = items;
    Vector.made++;
  }
  equals(other: Vector): boolean {
    return this.items.length === other.items.length && this.items.every((x, i) => Math.abs(x - other.items[i]!) < 1e-9);
  }
}
const check = {
  close(a: number, b: number) {
    if (!(Math.abs(a - b) < 1e-9)) throw new Error(`${a} is not ${b}`);
  },
};
const library = { Vector, check };

/** Runs code, then checks that its `answer` is [1, 2, 3]; true when all checks pass. */
export default async function run({ code }: { code: string }, seal: Seal): Promise<boolean> {
  const f = new Function("library", `"use strict"; return (async () => {${code}\n})()`) as (l: object) => Promise<{ items: number[] }>;
  seal({ harden: [library] });
  let answer: { items: number[] } | undefined;
  try {
    answer = await f(library);
  } catch {
    // Changing what is frozen throws; the checks below decide.
  }
  const checks = [
    () => check.close(answer?.items?.[0] ?? Number.NaN, 1),
    () => {
      if (!new Vector([1, 2, 3]).equals(new Vector([...(answer?.items ?? [])]))) throw new Error("not equal");
    },
    () =>
      // biome-ignore lint/security/noGlobalEval: checks are evaluated, as in cells
      globalThis.eval(
        "if (![answer].map((a) => a.items.reduce((x, y) => x + y, 0)).includes(6)) throw new Error()".replaceAll(
          "answer",
          JSON.stringify({ items: answer?.items ?? [] }),
        ),
      ),
  ];
  const passed = checks.map((c) => {
    try {
      c();
      return true;
    } catch {
      return false;
    }
  });
  await Promise.all([]);
  return passed.every((p) => p === true);
}
