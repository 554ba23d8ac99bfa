import { bytesOf, type DType, decode, type TypedArray } from "../dtype.ts";
import { ArgumentError, ShapeError, StateError } from "../errors.ts";
import { type Shape, sameShape, showShape } from "../shape.ts";
import { engine } from "./engine.ts";
import type { Node } from "./node.ts";

/** Nested arrays of numbers or booleans, as `tolist` gives and `tensor` takes. */
export type NestedArray = number | boolean | readonly NestedArray[];

/**
 * An array of numbers: a handle on a node of the lazy graph. Nothing is computed until a value is read. Operations are
 * functions under NumPy's names, most of them methods too (see methods.ts). StateError for any use of a disposed array.
 */
export class Tensor {
  /** @internal */
  protected current: Node | null;

  /** @internal Use `tensor`, `zeros`, ... to make arrays. */
  constructor(node: Node) {
    this.current = node;
    node.handles++;
    engine.created?.push(this);
  }

  /** @internal The node this handle stands for. */
  get node(): Node {
    return this.held;
  }

  /** @internal */
  protected get held(): Node {
    if (!this.current) throw new StateError("tensor", "this array was disposed or donated", "Use the result of the call it was given to");
    return this.current;
  }

  get shape(): Shape {
    return this.node.shape;
  }
  get dtype(): DType {
    return this.node.dtype;
  }
  /** Number of dimensions. */
  get ndim(): number {
    return this.node.shape.length;
  }
  /** Number of elements. */
  get size(): number {
    return this.node.size;
  }
  /** Bytes of the elements. */
  get nbytes(): number {
    return this.size * bytesOf(this.dtype);
  }

  /**
   * The elements in row-major order: a copy. float16 and bfloat16 come as a Float32Array, bool as 0/1 in a Uint8Array.
   * StateError inside `compile`, where there are no values yet; so for all that read.
   */
  async data(): Promise<TypedArray> {
    return decode(this.dtype, await engine.read(this.node));
  }
  /** `data()` at once, on devices that allow it (the CPU backends); StateError on others. */
  dataSync(): TypedArray {
    return decode(this.dtype, engine.readSync(this.node));
  }

  /** The value of an array of one element; ShapeError for more or none. */
  async item(): Promise<number> {
    this.checkSingle();
    return (await this.data())[0] as number;
  }
  /** `item()` at once, where `dataSync()` works. */
  itemSync(): number {
    this.checkSingle();
    return this.dataSync()[0] as number;
  }

  /** Nested plain arrays; booleans for bool. */
  async tolist(): Promise<NestedArray> {
    return nest(await this.data(), this.shape, this.dtype);
  }
  /** `tolist()` at once, where `dataSync()` works. */
  tolistSync(): NestedArray {
    return nest(this.dataSync(), this.shape, this.dtype);
  }

  /** Computes the value now and keeps it. Returns the array itself. */
  realize(): this {
    engine.realise([this.node]);
    return this;
  }

  /** Gives the memory back now instead of when the collector finds it. */
  dispose(): void {
    if (this.current) engine.release(this.current);
    this.current = null;
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  private checkSingle(): void {
    if (this.size !== 1)
      throw new ShapeError("item", `the array has ${this.size} elements: shape ${showShape(this.shape)}`, "Use data() or tolist()");
  }
}

/**
 * An array that can be assigned, such as a layer's weights. Inside `compile` an assignment becomes part of the program
 * and happens in place.
 */
export class Variable extends Tensor {
  readonly name: string | undefined;

  /** @internal Use `variable`. */
  constructor(node: Node, name?: string) {
    super(node);
    this.name = name;
  }

  /** Takes the value of an array of the same shape and type; ShapeError for another. */
  assign(value: Tensor): this {
    if (!(value instanceof Tensor))
      throw new ArgumentError("assign", `the value is ${value === null ? "null" : typeof value}`, "Give an array, such as array([1, 2])");
    if (!sameShape(value.shape, this.shape) || value.dtype !== this.dtype)
      throw new ShapeError(
        "assign",
        `${this.name ?? "the variable"} is ${this.dtype}${showShape(this.shape)}, the value ${value.dtype}${showShape(value.shape)}`,
      );
    const node = value.node;
    if (engine.trace) engine.trace.assign(this, node);
    else this.rebind(node);
    return this;
  }

  /** @internal While a function is traced, a variable stands for a parameter of the program. */
  override get node(): Node {
    return engine.trace ? engine.trace.read(this) : this.held;
  }

  /** @internal The node outside of any trace. */
  get stored(): Node {
    return this.held;
  }

  /** @internal Moves the handle to another node. */
  rebind(node: Node): void {
    if (node === this.current) return;
    node.handles++;
    if (this.current) engine.release(this.current);
    this.current = node;
  }
}

function nest(data: TypedArray, shape: Shape, dtype: DType): NestedArray {
  const value = (i: number) => (dtype === "bool" ? data[i] !== 0 : (data[i] as number));
  const build = (axis: number, start: number, count: number): NestedArray => {
    if (axis === shape.length) return value(start);
    const step = count / (shape[axis] as number);
    return Array.from({ length: shape[axis] as number }, (_, i) => build(axis + 1, start + i * step, step));
  };
  return build(0, 0, data.length);
}
