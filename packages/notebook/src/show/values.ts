import { ArgumentError, type ArrayData, isArrayData, StateError, Tensor } from "@gradus/tensor";

/** Numbers from cells: arrays of Gradus, numbers with a shape as files hold them, typed arrays, lists. */
export type Values = Tensor | ArrayData | ArrayLike<number> | readonly (readonly number[])[];

/** Values with their shape, as plain numbers. */
export interface Numbers {
  readonly data: readonly number[];
  readonly shape: readonly number[];
}

/** More numbers than a picture can show. */
const most = 2_000_000;

/** Numbers of an array: at once where they can be had at once, else when they have come from the device. */
export function numbersOf(operation: string, values: Values): Numbers | Promise<Numbers> {
  const checked = (data: ArrayLike<unknown>, shape: readonly number[]): Numbers => {
    if (data.length > most) throw new ArgumentError(operation, `there are ${data.length} numbers`, `Show at most ${most}, say every tenth`);
    const list = Array.from(data, Number);
    return { data: list, shape };
  };
  if (values instanceof Tensor) {
    try {
      return checked(values.dataSync() as ArrayLike<unknown>, values.shape);
    } catch (error) {
      if (!(error instanceof StateError)) throw error; // its device reads asynchronously
      return values.data().then((data) => checked(data as ArrayLike<unknown>, values.shape));
    }
  }
  if (isArrayData(values)) return checked(values.data, values.shape);
  if (typeof values !== "object" || values === null || typeof (values as ArrayLike<unknown>).length !== "number")
    throw new ArgumentError(
      operation,
      `it was given ${values === null ? "null" : typeof values}`,
      "Give an array, a typed array or a list of numbers",
    );
  const list = values as ArrayLike<unknown>;
  if (Array.isArray(list[0]) || ArrayBuffer.isView(list[0])) {
    const rows = Array.from(list, (row) => Array.from(row as ArrayLike<number>));
    const width = rows[0]!.length;
    if (rows.some((r) => r.length !== width))
      throw new ArgumentError(
        operation,
        `its rows have ${[...new Set(rows.map((r) => r.length))].join(" and ")} numbers`,
        "Make them equally long",
      );
    return checked(rows.flat(), [rows.length, width]);
  }
  return checked(list, [list.length]);
}

/** Applies `then` to several arrays, at once if all are there. */
export function withNumbers<T>(operation: string, values: readonly Values[], then: (...numbers: Numbers[]) => T): T | Promise<T> {
  const all = values.map((v) => numbersOf(operation, v));
  if (all.some((n) => n instanceof Promise)) return Promise.all(all).then((numbers) => then(...numbers));
  return then(...(all as Numbers[]));
}
