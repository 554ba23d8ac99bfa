/**
 * A WebAssembly binary encoder: just enough of the format for generated kernels.
 *
 * Instructions go by the names of the specification's text format, in stack order:
 *
 * ```ts
 * const module = new ModuleBuilder();
 * module.importMemory("env", "memory", { initialPages: 1 });
 * module.func("double", ["i32"], ["f32"], (f) => {
 *   f.get(f.param(0)).load("f32.load").f32(2).op("f32.mul");
 * });
 * const { instance } = await WebAssembly.instantiate(module.finish(), { env: { memory } });
 * ```
 */

import { joined } from "../../bytes.ts";
import {
  type AtomicOp,
  accessBytes,
  atomicOps,
  type LaneOp,
  type LoadOp,
  laneOps,
  loadOps,
  type MemoryLaneOp,
  memoryLaneOps,
  type PlainOp,
  plainOps,
  type StoreOp,
  storeOps,
  unsigned,
  type ValType,
  valTypes,
} from "./opcodes.ts";

// ---------------------------------------------------------------------------------------------------------------------
// Number encodings (LEB128, little-endian IEEE).

/** Always five bytes, so that a later value can be written over it. */
function unsignedPadded(value: number): number[] {
  return [0, 7, 14, 21, 28].map((shift) => ((value >>> shift) & 0x7f) | (shift < 28 ? 0x80 : 0));
}

function signed(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40)) {
      bytes.push(low);
      return bytes;
    }
    bytes.push(low | 0x80);
  }
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...unsigned(bytes.length), ...bytes];
}

// ---------------------------------------------------------------------------------------------------------------------

/** A local variable (or parameter) of one function. */
export interface Local {
  readonly type: ValType;
  readonly index: number;
}

/** A function of a module; its number is settled by `finish`, since imports come first. */
export interface FunctionRef {
  readonly name: string | null;
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

/** The target of a branch: the end of a block or if, the start of a loop. */
export interface Label {
  readonly level: number;
}

/** Appends instructions to one function's body. Every method returns the builder, so short sequences chain. */
export class FunctionBuilder {
  readonly params: readonly Local[];
  private readonly locals: ValType[] = [];
  private readonly free: Record<ValType, Local[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  private readonly scopes: Local[][] = [];
  private readonly constants = new Map<string, { local: Local; bytes: Uint8Array }>();
  private readonly bytes: number[] = [];
  private readonly calls: { position: number; target: FunctionRef }[] = [];
  private readonly labels: Label[] = [];

  constructor(params: readonly ValType[]) {
    this.params = params.map((type, index) => ({ type, index }));
  }

  // Locals

  param(index: number): Local {
    const local = this.params[index];
    if (!local) throw new Error(`param: there is no parameter ${index}, only ${this.params.length}`);
    return local;
  }

  /** A local of this type. One handed back by `release` may be reused, so its first value is unspecified. */
  local(type: ValType): Local {
    const local = this.free[type].pop() ?? this.newLocal(type);
    this.scopes.at(-1)?.push(local);
    return local;
  }

  private newLocal(type: ValType): Local {
    this.locals.push(type);
    return { type, index: this.params.length + this.locals.length - 1 };
  }

  /** Lets later calls of `local` reuse these. */
  release(...locals: Local[]): this {
    for (const local of locals) {
      if (local.index < this.params.length || this.free[local.type].includes(local)) {
        throw new Error(`release: local ${local.index} (${local.type}) is a parameter or was released before`);
      }
      this.free[local.type].push(local);
      for (const scope of this.scopes) {
        const position = scope.indexOf(local);
        if (position >= 0) scope.splice(position, 1);
      }
    }
    return this;
  }

  /** Runs `body`, then releases the locals that it took and still holds. */
  scope(body: () => void): this {
    this.scopes.push([]);
    body();
    const taken = this.scopes.pop() as Local[];
    return this.release(...taken);
  }

  get(local: Local): this {
    return this.emit([0x20, ...unsigned(local.index)]);
  }

  set(local: Local): this {
    return this.emit([0x21, ...unsigned(local.index)]);
  }

  tee(local: Local): this {
    return this.emit([0x22, ...unsigned(local.index)]);
  }

  // Constants

  i32(value: number): this {
    return this.emit([0x41, ...signed(BigInt(value | 0))]);
  }

  i64(value: bigint | number): this {
    return this.emit([0x42, ...signed(BigInt.asIntN(64, BigInt(value)))]);
  }

  f32(value: number): this {
    return this.emit([0x43, ...bytesOf(Float32Array.of(value))]);
  }

  f64(value: number): this {
    return this.emit([0x44, ...bytesOf(Float64Array.of(value))]);
  }

  /** Vector constants: one value for all lanes, or one a lane. */
  i8x16(...lanes: number[]): this {
    return this.v128(Int8Array.from(spread(lanes, 16)));
  }

  i16x8(...lanes: number[]): this {
    return this.v128(Int16Array.from(spread(lanes, 8)));
  }

  i32x4(...lanes: number[]): this {
    return this.v128(Int32Array.from(spread(lanes, 4)));
  }

  i64x2(...lanes: bigint[]): this {
    return this.v128(BigInt64Array.from(spread(lanes, 2)));
  }

  f32x4(...lanes: number[]): this {
    return this.v128(Float32Array.from(spread(lanes, 4)));
  }

  f64x2(...lanes: number[]): this {
    return this.v128(Float64Array.from(spread(lanes, 2)));
  }

  private v128(lanes: ArrayBufferView): this {
    return this.emit([0xfd, 12, ...bytesOf(lanes)]);
  }

  /**
   * Pushes a vector constant that is made once, when the function is entered, and kept in a local. In loops this is
   * cheaper: engines build a `v128.const` anew at every use. `constant(Float32Array.of(2))` splats; or give every lane.
   */
  constant(lanes: Float32Array | Float64Array | Int32Array | BigInt64Array | Int8Array | Int16Array): this {
    const given = bytesOf(lanes);
    const bytes = Uint8Array.from({ length: 16 }, (_, i) => given[i % given.length] as number);
    const key = bytes.join();
    let entry = this.constants.get(key);
    if (!entry) {
      entry = { local: this.newLocal("v128"), bytes };
      this.constants.set(key, entry);
    }
    return this.get(entry.local);
  }

  // Instructions

  op(name: PlainOp): this {
    return this.emit(plainOps[name]);
  }

  /** Address on the stack. `alignment` in bytes is a hint, the natural one unless told. */
  load(name: LoadOp, offset = 0, alignment = accessBytes(name)): this {
    return this.emit([...loadOps[name], ...memoryArgument(alignment, offset)]);
  }

  /** Address and value on the stack. */
  store(name: StoreOp, offset = 0, alignment = accessBytes(name)): this {
    return this.emit([...storeOps[name], ...memoryArgument(alignment, offset)]);
  }

  /** Address and vector on the stack. */
  memoryLane(name: MemoryLaneOp, lane: number, offset = 0, alignment = accessBytes(name)): this {
    return this.emit([...memoryLaneOps[name], ...memoryArgument(alignment, offset), lane]);
  }

  lane(name: LaneOp, lane: number): this {
    return this.emit([...laneOps[name], lane]);
  }

  /** Lanes 0-15 are bytes of the first operand, 16-31 of the second. */
  shuffle(...lanes: number[]): this {
    if (lanes.length !== 16 || lanes.some((lane) => lane < 0 || lane > 31)) {
      throw new Error(`i8x16.shuffle: expected 16 lanes from 0 to 31. Received: ${lanes}`);
    }
    return this.emit([0xfd, 13, ...lanes]);
  }

  /** `shuffle` in lanes of 32 bits: 0-3 of the first operand, 4-7 of the second. */
  shuffle32(a: number, b: number, c: number, d: number): this {
    return this.shuffle(...[a, b, c, d].flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]));
  }

  atomic(name: AtomicOp, offset = 0): this {
    return this.emit([...atomicOps[name], ...memoryArgument(accessBytes(name), offset)]);
  }

  atomicFence(): this {
    return this.emit([0xfe, 0x03, 0x00]);
  }

  /** Destination, source and length on the stack. */
  memoryCopy(): this {
    return this.emit([0xfc, 10, 0, 0]);
  }

  /** Destination, byte value and length on the stack. */
  memoryFill(): this {
    return this.emit([0xfc, 11, 0]);
  }

  memorySize(): this {
    return this.emit([0x3f, 0]);
  }

  call(target: FunctionRef): this {
    this.emit([0x10]);
    this.calls.push({ position: this.bytes.length, target });
    return this.emit(unsignedPadded(0));
  }

  // Control

  /** A branch to the label given to `body` leaves the block. */
  block(body: (exit: Label) => void, result?: ValType): this {
    return this.nest(0x02, body, result);
  }

  /** A branch to the label given to `body` starts the loop over; falling off the end leaves it. */
  loop(body: (again: Label) => void, result?: ValType): this {
    return this.nest(0x03, body, result);
  }

  /** Takes `then` when the i32 on the stack is not zero. */
  if_(then: (exit: Label) => void, otherwise?: (exit: Label) => void, result?: ValType): this {
    return this.nest(
      0x04,
      (label) => {
        then(label);
        if (otherwise) {
          this.emit([0x05]);
          otherwise(label);
        }
      },
      result,
    );
  }

  private nest(opcode: number, body: (label: Label) => void, result?: ValType): this {
    this.emit([opcode, result ? valTypes[result] : 0x40]);
    const label: Label = { level: this.labels.length };
    this.labels.push(label);
    body(label);
    this.labels.pop();
    return this.emit([0x0b]);
  }

  /** `target`: a label, or how many enclosing constructs to skip (0: the innermost). */
  br(target: Label | number): this {
    return this.emit([0x0c, ...unsigned(this.depth(target))]);
  }

  /** Branches when the i32 on the stack is not zero. */
  br_if(target: Label | number): this {
    return this.emit([0x0d, ...unsigned(this.depth(target))]);
  }

  private depth(target: Label | number): number {
    if (typeof target === "number") return target;
    if (this.labels[target.level] !== target) throw new Error("br: the label's block has ended");
    return this.labels.length - 1 - target.level;
  }

  select(): this {
    return this.op("select");
  }

  drop(): this {
    return this.op("drop");
  }

  return(): this {
    return this.op("return");
  }

  private emit(bytes: Iterable<number>): this {
    for (const byte of bytes) this.bytes.push(byte);
    return this;
  }

  /** The body as the code section wants it, with every call's function number filled in. */
  encode(number: (target: FunctionRef) => number): Uint8Array {
    const code = Uint8Array.from(this.bytes);
    for (const { position, target } of this.calls) code.set(unsignedPadded(number(target)), position);
    const prologue = [...this.constants.values()].flatMap(({ local, bytes }) => [
      ...[0xfd, 12, ...bytes],
      ...[0x21, ...unsigned(local.index)],
    ]);
    const locals = this.locals.flatMap((type) => [1, valTypes[type]]);
    return joined([unsigned(this.locals.length), locals, prologue, code, [0x0b]]);
  }
}

function spread<T>(lanes: T[], count: number): T[] {
  if (lanes.length === count) return lanes;
  if (lanes.length === 1) return new Array<T>(count).fill(lanes[0] as T);
  throw new Error(`A constant of ${count} lanes takes 1 or ${count} values. Received: ${lanes.length}`);
}

function memoryArgument(alignment: number, offset: number): number[] {
  return [Math.log2(alignment), ...unsigned(offset)];
}

// ---------------------------------------------------------------------------------------------------------------------

export interface MemoryLimits {
  initialPages: number;
  maximumPages?: number;
  /** Needs `maximumPages`. */
  shared?: boolean;
}

/** Collects imports and functions, and encodes them as one module. */
export class ModuleBuilder {
  private memory: { module: string; name: string; limits: MemoryLimits } | undefined;
  private readonly imports: { module: string; ref: FunctionRef }[] = [];
  private readonly functions: { ref: FunctionRef; body: FunctionBuilder | undefined }[] = [];

  importMemory(module: string, name: string, limits: MemoryLimits): void {
    this.memory = { module, name, limits };
  }

  /** May be called at any time, even while a body is being emitted. */
  importFunction(module: string, name: string, params: readonly ValType[], results: readonly ValType[]): FunctionRef {
    const ref = { name, params, results };
    this.imports.push({ module, ref });
    return ref;
  }

  /** A function to be defined later, so that others can call it now. Exported when named. */
  declare(name: string | null, params: readonly ValType[], results: readonly ValType[]): FunctionRef {
    const ref = { name, params, results };
    this.functions.push({ ref, body: undefined });
    return ref;
  }

  define(ref: FunctionRef, body: (f: FunctionBuilder) => void): void {
    const entry = this.functions.find((candidate) => candidate.ref === ref);
    if (!entry) throw new Error(`define: function ${ref.name} was not declared in this module`);
    if (entry.body) throw new Error(`define: function ${ref.name} is defined already`);
    entry.body = new FunctionBuilder(ref.params);
    body(entry.body);
  }

  /** Declares and defines. */
  func(name: string | null, params: readonly ValType[], results: readonly ValType[], body: (f: FunctionBuilder) => void): FunctionRef {
    const ref = this.declare(name, params, results);
    this.define(ref, body);
    return ref;
  }

  finish(): Uint8Array<ArrayBuffer> {
    const types: number[][] = [];
    const typeNumbers = new Map<string, number>();
    const typeOf = ({ params, results }: FunctionRef): number => {
      const key = `${params}>${results}`;
      let number = typeNumbers.get(key);
      if (number === undefined) {
        number = types.length;
        typeNumbers.set(key, number);
        types.push([0x60, ...vector(params.map((t) => [valTypes[t]])), ...vector(results.map((t) => [valTypes[t]]))]);
      }
      return number;
    };

    const refs = [...this.imports.map(({ ref }) => ref), ...this.functions.map(({ ref }) => ref)];
    const numbers = new Map(refs.map((ref, number) => [ref, number]));
    const numberOf = (ref: FunctionRef): number => {
      const number = numbers.get(ref);
      if (number === undefined) throw new Error(`call: function ${ref.name} belongs to another module`);
      return number;
    };

    const imports = this.imports.map(({ module, ref }) => [...text(module), ...text(ref.name as string), 0x00, ...unsigned(typeOf(ref))]);
    if (this.memory) {
      const { module, name, limits } = this.memory;
      imports.push([...text(module), ...text(name), 0x02, ...encodeLimits(limits)]);
    }
    const functions = this.functions.map(({ ref }) => unsigned(typeOf(ref)));
    const exports = this.functions
      .filter(({ ref }) => ref.name !== null)
      .map(({ ref }) => [...text(ref.name as string), 0x00, ...unsigned(numberOf(ref))]);
    const code = this.functions.map(({ ref, body }) => {
      if (!body) throw new Error(`finish: function ${ref.name} was declared but never defined`);
      const bytes = body.encode(numberOf);
      return joined([unsigned(bytes.length), bytes]);
    });

    return joined([
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, types),
      section(2, imports),
      section(3, functions),
      section(7, exports),
      section(10, code),
    ]);
  }
}

type Bytes = ArrayLike<number>;

function vector(items: readonly Bytes[]): Uint8Array {
  return joined([unsigned(items.length), ...items]);
}

function section(id: number, items: readonly Bytes[]): Bytes {
  if (items.length === 0) return [];
  const body = vector(items);
  return joined([[id], unsigned(body.length), body]);
}

function encodeLimits({ initialPages, maximumPages, shared = false }: MemoryLimits): number[] {
  if (maximumPages === undefined) {
    if (shared) throw new Error("importMemory: a shared memory needs maximumPages");
    return [0x00, ...unsigned(initialPages)];
  }
  return [shared ? 0x03 : 0x01, ...unsigned(initialPages), ...unsigned(maximumPages)];
}

// ---------------------------------------------------------------------------------------------------------------------

/** Whether this engine has relaxed SIMD (fused multiply-add among it). */
export function hasRelaxedSimd(): boolean {
  const module = new ModuleBuilder();
  module.func("probe", ["v128"], ["v128"], (f) => {
    const x = f.param(0);
    f.get(x).get(x).get(x).op("f32x4.relaxed_madd");
  });
  return WebAssembly.validate(module.finish());
}

/** Whether shared memory can be made and used here (in a browser: only on cross-origin isolated pages). */
export function hasThreads(): boolean {
  if (typeof SharedArrayBuffer === "undefined") return false;
  const module = new ModuleBuilder();
  module.importMemory("env", "memory", { initialPages: 1, maximumPages: 1, shared: true });
  module.func("probe", [], ["i32"], (f) => f.i32(0).atomic("i32.atomic.load"));
  return WebAssembly.validate(module.finish());
}
