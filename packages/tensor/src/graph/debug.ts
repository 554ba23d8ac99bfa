/**
 * GRADUS_DEBUG: 0 nothing, 1 traces, 2 every kernel with its time and GFLOP/s or GB/s, 3 graphs and kernels as text,
 * 4 generated code. In a page: `setDebugLevel`.
 */
let level: number | undefined;

export function debugLevel(): number {
  if (level === undefined) {
    const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
    const given = Number(process?.env?.GRADUS_DEBUG ?? 0);
    level = Number.isFinite(given) ? given : 0;
  }
  return level;
}

/**
 * Sets what GRADUS_DEBUG sets, from now on: 0 nothing, 1 traces, 2 kernels with times, 3 graphs and kernels, 4
 * generated code.
 */
export function setDebugLevel(value: number): void {
  level = value;
}
