import { FormatError } from "@gradus/tensor";

/** The fields of a `config.json`, checked as they are read. What is null counts as absent. FormatError names the field. */
export class Fields {
  private readonly operation: string;
  private readonly values: Readonly<Record<string, unknown>>;

  constructor(operation: string, values: Readonly<Record<string, unknown>>) {
    this.operation = operation;
    this.values = values;
  }

  get(name: string): unknown {
    return this.values[name] ?? undefined;
  }

  /** Whether anything is said, be it null. */
  has(name: string): boolean {
    return Object.hasOwn(this.values, name);
  }

  refuse(name: string, reason: string, fix?: string): never {
    throw new FormatError(this.operation, `config.json says ${name} ${JSON.stringify(this.values[name])}: ${reason}`, fix);
  }

  /** The first of these names that is there counts. */
  count(names: string | readonly string[], fallback?: number): number {
    return this.read(names, fallback, (v) => Number.isSafeInteger(v) && (v as number) >= 1, "a whole number from 1 on is expected");
  }

  positive(name: string, fallback?: number): number {
    return this.read(name, fallback, (v) => Number.isFinite(v) && (v as number) > 0, "a positive number is expected");
  }

  flag(name: string, fallback: boolean): boolean {
    return this.read(name, fallback, (v) => typeof v === "boolean", "true or false is expected");
  }

  text(name: string, fallback?: string): string {
    return this.read(name, fallback, (v) => typeof v === "string", "a text is expected");
  }

  /** The fields of an object within; undefined where it is absent. */
  inner(name: string): Fields | undefined {
    const value = this.get(name);
    if (value === undefined) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) this.refuse(name, "an object is expected");
    return new Fields(this.operation, value as Record<string, unknown>);
  }

  /** Refuses fields with another value than the one that we compute with. */
  expect(values: Readonly<Record<string, boolean | number | string>>, reason: string): void {
    for (const [name, value] of Object.entries(values)) if ((this.get(name) ?? value) !== value) this.refuse(name, reason);
  }

  private read<T>(names: string | readonly string[], fallback: T | undefined, fits: (value: unknown) => boolean, expected: string): T {
    const list = typeof names === "string" ? [names] : names;
    const name = list.find((n) => this.get(n) !== undefined);
    if (name === undefined) {
      if (fallback !== undefined) return fallback;
      throw new FormatError(this.operation, `config.json has no ${list[0]}`, "Is it the configuration of this model?");
    }
    const value = this.get(name);
    return fits(value) ? (value as T) : this.refuse(name, expected);
  }
}

/** Hugging Face's names of activations that we compute. */
const activationNames = {
  gelu: "gelu",
  gelu_new: "geluTanh",
  gelu_pytorch_tanh: "geluTanh",
  gelu_fast: "geluTanh",
  relu: "relu",
  silu: "silu",
  swish: "silu",
} as const;

export function activationOf(fields: Fields, name: string, fallback: keyof typeof activationNames): "gelu" | "geluTanh" | "relu" | "silu" {
  const given = fields.text(name, fallback);
  if (!Object.hasOwn(activationNames, given))
    fields.refuse(name, "there is no such activation here", `There are ${Object.keys(activationNames).join(", ")}`);
  return activationNames[given as keyof typeof activationNames];
}

/** The name of an activation in a `config.json`, where `tanh` is what GELU's approximation is called. */
export const activationNameOf = (activation: "gelu" | "geluTanh" | "relu" | "silu", tanh = "gelu_new"): string =>
  activation === "geluTanh" ? tanh : activation;
