import type { SealOptions } from "../../src/index.ts";

/** Runs untrusted code as the body of an async function and gives back what it returns; `open` leaves the seal out. */
export default async function run({ code, open }: { code: string; open?: boolean }, seal: () => void): Promise<unknown> {
  const f = new Function(`return (async () => {${code}\n})()`) as () => Promise<unknown>;
  if (!open) seal();
  return f();
}

export type Seal = (options?: SealOptions) => void;
