export function formatArray(a: { data: ArrayLike<number> }, _options?: unknown): string { return Array.from(a.data).join(" "); }
