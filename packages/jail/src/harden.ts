/**
 * Code in the same realm could turn a failing check into a pass by changing what checks are made of: Array.prototype.every, Math.abs,
 * eval. So the language's own objects are frozen before it runs. Looking for changes afterwards would not do: code can put back what
 * it changed.
 */
const { defineProperty, freeze, getOwnPropertyDescriptor, getPrototypeOf, isExtensible, preventExtensions } = Object;
const { ownKeys } = Reflect;

/** Names of the language and of the host's timers: nobody may give them another meaning. */
export const lockedGlobals: readonly string[] = [
  ...["Object", "Function", "Array", "String", "Number", "Boolean", "Symbol", "BigInt", "Math", "JSON", "Reflect", "Promise", "Proxy"],
  ...["Map", "Set", "WeakMap", "WeakSet", "WeakRef", "FinalizationRegistry", "Date", "RegExp", "Intl", "Iterator", "Temporal"],
  ...["Error", "AggregateError", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError", "SuppressedError"],
  ...["ArrayBuffer", "SharedArrayBuffer", "DataView", "Atomics", "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array"],
  ...["Uint16Array", "Int32Array", "Uint32Array", "Float16Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array"],
  ...["DisposableStack", "AsyncDisposableStack", "WebAssembly", "globalThis", "eval", "isFinite", "isNaN", "parseFloat", "parseInt"],
  ...["decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "unescape"],
  ...["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "clearImmediate", "queueMicrotask", "structuredClone"],
];

/** Objects of the language that have no global name. */
const unnamed = (): object[] => [
  getPrototypeOf([][Symbol.iterator]()),
  getPrototypeOf(new Map().entries()),
  getPrototypeOf(new Set().values()),
  getPrototypeOf(""[Symbol.iterator]()),
  getPrototypeOf("".matchAll(/a/g)),
  getPrototypeOf([].values().map(() => 0)),
  getPrototypeOf(Iterator.from({ next: () => ({ done: true, value: 0 }) })),
  getPrototypeOf(function* () {}),
  getPrototypeOf(async function* () {}),
  getPrototypeOf(async () => {}),
  getPrototypeOf(Uint8Array),
];

/** Freezes the language's objects and the global names for them. */
export function hardenLanguage(): void {
  const seen = new Set<object>();
  const visit = (value: unknown): void => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || value === globalThis || seen.has(value)) return;
    seen.add(value);
    visit(getPrototypeOf(value));
    for (const key of ownKeys(value)) {
      const { value: inner, get, set } = getOwnPropertyDescriptor(value, key)!;
      for (const part of [inner, get, set]) visit(part);
    }
  };
  for (const name of lockedGlobals) visit((globalThis as Record<string, unknown>)[name]);
  for (const object of unnamed()) visit(object);
  for (const object of seen) if (isInherited(object)) letHeirsOverride(object);
  for (const object of seen) freeze(object);
  for (const name of lockedGlobals)
    if (name in globalThis)
      defineProperty(globalThis, name, {
        value: (globalThis as Record<string, unknown>)[name],
        writable: false,
        enumerable: false,
        configurable: false,
      });
}

/** Prototypes of which people's own objects and errors get properties by assignment: `this.name = "ShapeError"`. */
const isInherited = (object: object): boolean =>
  object === Object.prototype || object === Function.prototype || object === Error.prototype || object instanceof Error;

/**
 * Assigning to a property whose inherited namesake is frozen fails. An accessor in its place gives what the property gave, and an
 * assignment to an heir makes a property of the heir's own.
 */
function letHeirsOverride(prototype: object): void {
  for (const key of ownKeys(prototype)) {
    const { value, configurable, writable, enumerable } = getOwnPropertyDescriptor(prototype, key)!;
    if (!configurable || !writable) continue;
    const parts = {
      get: () => value,
      set(this: unknown, own: unknown) {
        if (this === prototype || ((typeof this !== "object" || this === null) && typeof this !== "function"))
          throw new TypeError(`${String(key)} belongs to the language and cannot be changed here.`);
        defineProperty(this, key, { value: own, writable: true, enumerable: true, configurable: true });
      },
    };
    freeze(parts.get);
    freeze(parts.set);
    defineProperty(prototype, key, { ...parts, enumerable: enumerable!, configurable: false });
  }
}

/**
 * Makes what a library exports unchangeable: the functions of its objects, of its classes and of their prototypes. What is not a
 * function (a counter, a cache) can still change.
 */
export function hardenLibrary(exported: object): void {
  const seen = new Set<object>();
  const visit = (value: unknown, depth: number): void => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) return;
    // Typed arrays and the like hold numbers; frozen ones would not work.
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return;
    seen.add(value);
    if (Object.isFrozen(value)) return;
    const inner: unknown[] = [];
    for (const key of ownKeys(value)) {
      const { value: part, get, set, configurable } = getOwnPropertyDescriptor(value, key)!;
      for (const f of [part, get, set]) if (typeof f === "function" || key === "prototype") inner.push(f);
      if (configurable && (typeof part === "function" || get || set))
        defineProperty(value, key, { configurable: false, ...(typeof part === "function" ? { writable: false } : {}) });
      if (depth > 0 && typeof part === "object") inner.push(part);
    }
    const parent = getPrototypeOf(value);
    if (typeof value === "function") inner.push(parent);
    if (isExtensible(value) && (typeof value === "function" || "constructor" in value)) preventExtensions(value);
    for (const part of inner) visit(part, depth - 1);
    if (typeof value === "function" && value.prototype) visit(getPrototypeOf(value.prototype), 0);
  };
  for (const key of ownKeys(exported)) visit((exported as Record<PropertyKey, unknown>)[key], 1);
}
