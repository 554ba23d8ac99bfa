/** Statistics of numbers in which NaN stands for missing. Without any numbers they are NaN. */
export interface NumberSummary {
  readonly count: number;
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly "25%": number;
  readonly "50%": number;
  readonly "75%": number;
  readonly max: number;
}

const present = (values: Float64Array): Float64Array => values.filter((v) => !Number.isNaN(v));

export const sum = (values: Float64Array): number => present(values).reduce((a, b) => a + b, 0);

export function mean(values: Float64Array): number {
  const list = present(values);
  return list.length ? sum(list) / list.length : Number.NaN;
}

/** Standard deviation, from the mean in a second pass; `correction` 1 is pandas' default. */
export function std(values: Float64Array, correction = 1): number {
  const list = present(values);
  const centre = mean(list);
  return list.length > correction ? Math.sqrt(list.reduce((s, v) => s + (v - centre) ** 2, 0) / (list.length - correction)) : Number.NaN;
}

/** Between two values, a weighted mean of both (NumPy's default). */
export function quantile(values: Float64Array, q: number): number {
  const sorted = present(values).sort();
  if (!sorted.length) return Number.NaN;
  const place = q * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.ceil(place);
  return sorted[low]! + (place - low) * (sorted[high]! - sorted[low]!);
}

export function summarise(values: Float64Array, correction = 1): NumberSummary {
  return {
    count: present(values).length,
    mean: mean(values),
    std: std(values, correction),
    min: quantile(values, 0),
    "25%": quantile(values, 0.25),
    "50%": quantile(values, 0.5),
    "75%": quantile(values, 0.75),
    max: quantile(values, 1),
  };
}
