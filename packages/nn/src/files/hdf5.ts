import { FormatError, type Tensor } from "@gradus/tensor";
import { toTensor } from "@gradus/tensor/io";

/** HDF5 files in memory, read and written by h5wasm (the HDF5 library compiled to WebAssembly), which is fetched at first use. */

type H5 = typeof import("h5wasm");
type H5Group = import("h5wasm").Group;

let started: Promise<H5> | null = null;
let files = 0;

async function library(): Promise<{ h5: H5; fs: FileSystem }> {
  started ??= import("h5wasm").then(async (h5) => {
    // Errors become exceptions instead of lines on the console.
    (await h5.ready).activate_throwing_error_handler();
    return h5;
  });
  const h5 = await started;
  return { h5, fs: (await h5.ready).FS as unknown as FileSystem };
}

interface FileSystem {
  writeFile(path: string, bytes: Uint8Array): void;
  readFile(path: string): Uint8Array;
  unlink(path: string): void;
}

/** Runs `body` on a file of the library's own file system, which is removed afterwards. */
async function withFile<T>(body: (h5: H5, fs: FileSystem, path: string) => T): Promise<T> {
  const { h5, fs } = await library();
  // The library knows open files by their names: each gets one of its own.
  const path = `/gradus-${files++}.h5`;
  try {
    return body(h5, fs, path);
  } finally {
    try {
      fs.unlink(path);
    } catch {
      // It was never made.
    }
  }
}

/** An array in a file, read when asked for: what a file says of its size is not believed before. */
export interface Hdf5Array {
  readonly shape: readonly number[];
  read(): Tensor;
}

/** What a file of groups, arrays and attributes holds. Paths are "/"-separated. */
export interface Hdf5Reader {
  /** Names in a group; none if there is no such group. */
  members(path: string): string[];
  isGroup(path: string): boolean;
  /** null where there is no array. */
  array(path: string): Hdf5Array | null;
  /** An attribute that is a text or a list of texts; null where there is none. */
  attribute(path: string, name: string): string | readonly string[] | null;
}

/** Opens a file for `body`. FormatError for what the library cannot read; errors of `body` pass. */
export async function readHdf5<T>(operation: string, bytes: Uint8Array, body: (file: Hdf5Reader) => T): Promise<T> {
  return withFile((h5, fs, path) => {
    const guarded = <R>(what: string, read: () => R): R => {
      try {
        return read();
      } catch (error) {
        if (error instanceof FormatError) throw error;
        throw new FormatError(operation, `the HDF5 file is damaged: ${what} cannot be read (${firstLine(error)})`);
      }
    };
    fs.writeFile(path, bytes);
    const file = guarded("its beginning", () => new h5.File(path, "r"));
    try {
      return body(reader(operation, h5, file, guarded));
    } finally {
      try {
        file.close();
      } catch {
        // A damaged file may not even close.
      }
    }
  });
}

function reader(operation: string, h5: H5, file: H5Group, guarded: <R>(what: string, read: () => R) => R): Hdf5Reader {
  /** Walks from group to group: asking for a path that is not there is an error to the library. */
  const find = (path: string): unknown =>
    guarded(JSON.stringify(path), () => {
      let at: unknown = file;
      for (const name of path.split("/").filter(Boolean)) {
        if (!(at instanceof h5.Group) || !at.keys().includes(name)) return null;
        at = at.get(name);
      }
      return at;
    });
  return {
    isGroup: (path) => find(path) instanceof h5.Group,
    members: (path) => {
      const group = find(path);
      return group instanceof h5.Group ? guarded(JSON.stringify(path), () => group.keys()) : [];
    },
    array: (path) => {
      const found = find(path);
      if (!(found instanceof h5.Dataset)) return null;
      const shape = guarded(JSON.stringify(path), () => found.shape ?? []);
      return { shape, read: () => arrayOf(operation, path, shape, found, guarded) };
    },
    attribute: (path, name) => {
      const owner = find(path);
      if (!(owner instanceof h5.Group)) return null;
      return guarded(`attribute ${name}`, () => {
        const value: unknown = owner.attrs[name]?.value ?? null;
        if (typeof value === "string") return value;
        if (value instanceof Uint8Array) return new TextDecoder().decode(value);
        if (Array.isArray(value) && value.every((x) => typeof x === "string")) return value as string[];
        if (value === null) return null;
        throw new FormatError(operation, `attribute ${name} is no text`);
      });
    },
  };
}

function arrayOf(
  operation: string,
  path: string,
  shape: readonly number[],
  found: import("h5wasm").Dataset,
  guarded: <R>(what: string, read: () => R) => R,
): Tensor {
  const value: unknown = guarded(JSON.stringify(path), () => found.value);
  const data = typeof value === "number" ? Float64Array.of(value) : typeof value === "bigint" ? BigInt64Array.of(value) : value;
  if (data instanceof Float32Array) return toTensor({ dtype: "float32", shape, data });
  if (data instanceof Float64Array) return toTensor({ dtype: "float64", shape, data });
  if (data instanceof Int32Array) return toTensor({ dtype: "int32", shape, data });
  if (data instanceof Uint32Array) return toTensor({ dtype: "uint32", shape, data });
  if (data instanceof Int8Array) return toTensor({ dtype: "int8", shape, data });
  if (data instanceof Uint8Array) return toTensor({ dtype: "uint8", shape, data });
  if (data instanceof BigInt64Array || data instanceof BigUint64Array)
    return toTensor({ dtype: "int32", shape, data: Int32Array.from(data, Number) });
  throw new FormatError(operation, `${JSON.stringify(path)} holds elements of a type that cannot be read`, "Save it as float32");
}

/** An array to be written. */
export interface Hdf5Content {
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Uint32Array;
}

/** The bytes of a file of arrays by path. The groups on the way, and those named in `groups`, are made. */
export async function hdf5Bytes(arrays: Iterable<readonly [string, Hdf5Content]>, groups: Iterable<string>): Promise<Uint8Array> {
  const list = [...arrays];
  return withFile((h5, fs, path) => {
    const file = new h5.File(path, "w");
    const made = new Set<string>();
    const makeGroup = (path: string): void => {
      const names = path.split("/");
      for (let n = 1; n <= names.length; n++) {
        const parent = names.slice(0, n).join("/");
        if (!made.has(parent)) file.create_group(parent);
        made.add(parent);
      }
    };
    for (const group of groups) makeGroup(group);
    for (const [path, { shape, data }] of list) {
      makeGroup(path.slice(0, path.lastIndexOf("/")));
      const dtype = data instanceof Float32Array ? "<f" : data instanceof Float64Array ? "<d" : "<I";
      file.create_dataset({ name: path, data, shape: [...shape], dtype });
    }
    file.close();
    return fs.readFile(path).slice();
  });
}

const firstLine = (error: unknown): string => String((error as Error).message ?? error).split("\n")[0]!;
