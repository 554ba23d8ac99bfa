import { Tensor } from "@gradus/tensor";
import inspect from "object-inspect";
import { numbersOf, type Values } from "./show/values.ts";

/** What an exercise's check found wrong. */
export class CheckFailure extends Error {
  readonly given: string | undefined;
  readonly expected: string | undefined;
  readonly hint: string | undefined;

  constructor(message: string, { given, expected, hint }: { given?: string; expected?: string; hint?: string | undefined } = {}) {
    super(message);
    this.name = "CheckFailure";
    this.given = given;
    this.expected = expected;
    this.hint = hint;
  }
}

export interface CheckOptions {
  /** What to try next, told when the check fails. */
  readonly hint?: string;
}

export interface ClosenessOptions extends CheckOptions {
  /** Allowed difference relative to what is expected. Default 1e-4. */
  readonly rtol?: number;
  /** Allowed absolute difference. Default 1e-6. */
  readonly atol?: number;
}

const shown = (value: unknown): string => {
  const text = value instanceof Tensor ? String(value) : inspect(value, { depth: 3 });
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
};

/** Fails unless `condition` holds; the message says what was expected. */
function ok(condition: unknown, message: string, { hint }: CheckOptions = {}): void {
  if (!condition) throw new CheckFailure(message, { hint });
}

/** Fails unless both are the same, in value and structure. */
function equal(given: unknown, expected: unknown, { hint }: CheckOptions = {}): void {
  const [a, b] = [shown(given), shown(expected)];
  const same = typeof expected === "object" && expected !== null ? deepEqual(given, expected) : Object.is(given, expected);
  if (!same) throw new CheckFailure("The value differs.", { given: a, expected: b, hint });
}

function deepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(x);
  return keys.length === Object.keys(y).length && keys.every((k) => Object.hasOwn(y, k) && deepEqual(x[k], y[k]));
}

/** Fails unless numbers, or arrays of equal shape, are equal up to rounding; says where they differ most. */
async function close(given: unknown, expected: number | Values, { rtol = 1e-4, atol = 1e-6, hint }: ClosenessOptions = {}): Promise<void> {
  const wrong = (message: string) => new CheckFailure(message, { given: shown(given), expected: shown(expected), hint });
  const asValues = (x: unknown): Values => (typeof x === "number" ? [x] : (x as Values));
  if (given === undefined || given === null) throw wrong("There is no value yet.");
  const want = await numbersOf("check", asValues(expected));
  const numeric = typeof given === "number" || given instanceof Tensor || Array.isArray(given) || ArrayBuffer.isView(given);
  if (!numeric) throw wrong("This is not a number or an array.");
  const have = await numbersOf("check", asValues(given));
  // One number is one number, be it plain or in an array.
  const scalar = want.data.length === 1 && have.data.length === 1;
  if (!scalar && have.shape.join() !== want.shape.join())
    throw wrong(`The shape is [${have.shape.join(", ")}], expected [${want.shape.join(", ")}].`);
  let [worst, place] = [0, -1];
  have.data.forEach((v, i) => {
    const w = want.data[i]!;
    const excess = Object.is(v, w) || v === w ? 0 : Math.abs(v - w) - (atol + rtol * Math.abs(w));
    if (excess > worst || (Number.isNaN(excess) && !(Number.isNaN(v) && Number.isNaN(w))))
      [worst, place] = [Number.isNaN(excess) ? Number.POSITIVE_INFINITY : excess, i];
  });
  if (place < 0) return;
  const where =
    have.data.length > 1
      ? ` It differs most at [${unravel(place, have.shape).join(", ")}]: ${have.data[place]}, expected ${want.data[place]}.`
      : "";
  throw wrong(`The value differs.${where}`);
}

function unravel(at: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  for (const n of [...shape].reverse()) {
    index.unshift(at % n);
    at = Math.floor(at / n);
  }
  return index;
}

/** Fails unless the array has this shape. */
function shape(given: unknown, expected: readonly number[], { hint }: CheckOptions = {}): void {
  const has =
    given instanceof Tensor
      ? given.shape
      : Array.isArray(given) || ArrayBuffer.isView(given)
        ? [(given as ArrayLike<unknown> & object).length]
        : null;
  if (!has || has.join() !== expected.join())
    throw new CheckFailure("The shape differs.", {
      given: has ? `[${has.join(", ")}]` : shown(given),
      expected: `[${expected.join(", ")}]`,
      hint,
    });
}

/** Fails unless the function throws. */
async function throws(f: () => unknown, { hint }: CheckOptions = {}): Promise<void> {
  try {
    await f();
  } catch {
    return;
  }
  throw new CheckFailure("Nothing was thrown.", { expected: "an error", hint });
}

/**
 * What checks of exercises are written with.
 * @example
 * check.close(array([1, 2]).sum(), 3);
 * check.shape(zeros([2, 3]), [2, 3]);
 * "both hold"
 */
export const check = Object.freeze({ ok, equal, close, shape, throws });
