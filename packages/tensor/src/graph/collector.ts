/**
 * The collector knows nothing of device memory, so it may see no reason to run while buffers pile up. Node.js lets us ask
 * it to; in a page, returning to the event loop is all there is.
 */

interface NodeBuiltins {
  getBuiltinModule?(name: string): { setFlagsFromString?(flag: string): void; runInNewContext?(code: string): unknown };
}

let collect: (() => void) | null | undefined;

/** Takes hold of the collector: a process may close the doors to it later, before it runs code that it does not trust. */
export function prepareCollector(): void {
  if (collect === undefined) collect = findCollector();
}

/** Runs the garbage collector where the platform lets us, and returns whether it did. */
export function collectGarbage(): boolean {
  prepareCollector();
  collect?.();
  return !!collect;
}

function findCollector(): (() => void) | null {
  const global = globalThis as { gc?: () => void; process?: NodeBuiltins };
  if (global.gc) return global.gc;
  try {
    global.process?.getBuiltinModule?.("node:v8").setFlagsFromString?.("--expose-gc");
    const found = global.process?.getBuiltinModule?.("node:vm").runInNewContext?.("gc");
    return typeof found === "function" ? (found as () => void) : null;
  } catch {
    return null;
  }
}

/** Lets finalizers run: they wait for a turn of the event loop, which awaiting settled promises never gives. */
export function yieldToCollector(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
