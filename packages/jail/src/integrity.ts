/**
 * Code in the same realm could make a failing check pass by changing what checks are made of: Array.prototype.every, JSON.stringify,
 * Promise.prototype.then. This remembers all built-in objects and finds changes afterwards, with functions taken hold of before.
 */
const { getOwnPropertyDescriptor, getPrototypeOf } = Object;
const { ownKeys } = Reflect;
const { is } = Object;

interface Remembered {
  readonly object: object;
  readonly name: string;
  readonly prototype: object | null;
  readonly keys: readonly PropertyKey[];
  readonly descriptors: readonly PropertyDescriptor[];
}

/** Names of the language, not of the host, which are looked into. */
const roots = [
  "Object",
  "Function",
  "Array",
  "String",
  "Number",
  "Boolean",
  "Symbol",
  "BigInt",
  "Math",
  "JSON",
  "Reflect",
  "Promise",
  "Map",
  "Set",
  "WeakMap",
  "WeakSet",
  "Date",
  "RegExp",
  "Error",
  "TypeError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "Proxy",
  "ArrayBuffer",
  "SharedArrayBuffer",
  "DataView",
  "Atomics",
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
  "Iterator",
  "WeakRef",
  "FinalizationRegistry",
  "WebAssembly",
  "console",
  "performance",
  "queueMicrotask",
  "setTimeout",
  "structuredClone",
] as const;

/** Remembers built-in objects; the function it gives names one that has changed, or null. `more` are objects to watch besides. */
export function watchIntrinsics(more: Readonly<Record<string, object>> = {}): () => string | null {
  const remembered: Remembered[] = [];
  const seen = new Set<object>();
  const look = (value: unknown, name: string, depth: number): void => {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value) || value === globalThis) return;
    seen.add(value);
    const keys = ownKeys(value);
    const descriptors = keys.map((key) => getOwnPropertyDescriptor(value, key)!);
    remembered.push({ object: value, name, prototype: getPrototypeOf(value), keys, descriptors });
    if (depth === 0) return;
    keys.forEach((key, i) => {
      const { value: inner, get, set } = descriptors[i]!;
      for (const part of [inner, get, set]) look(part, `${name}.${String(key)}`, depth - 1);
    });
    look(getPrototypeOf(value), `the prototype of ${name}`, depth - 1);
  };
  const globals = roots.map((name) => [name, (globalThis as Record<string, unknown>)[name]] as const);
  for (const [name, value] of globals) look(value, name, 3);
  for (const [name, value] of Object.entries(more)) look(value, name, 2);
  // Iterators have no global names.
  look(getPrototypeOf([][Symbol.iterator]()), "the iterator of arrays", 2);
  look(getPrototypeOf(function* () {}.prototype), "generators", 2);
  look(
    getPrototypeOf(async () => {}),
    "async functions",
    2,
  );
  const count = remembered.length;
  return () => {
    for (let i = 0; i < globals.length; i++) {
      const known = globals[i]!;
      if ((globalThis as Record<string, unknown>)[known[0]] !== known[1]) return known[0];
    }
    for (let i = 0; i < count; i++) {
      const known = remembered[i]!;
      if (getPrototypeOf(known.object) !== known.prototype) return known.name;
      const keys = ownKeys(known.object);
      // Stack traces may be asked for: V8 adds nothing else by itself.
      if (keys.length !== known.keys.length) return known.name;
      for (let k = 0; k < known.keys.length; k++) {
        const [before, after] = [known.descriptors[k]!, getOwnPropertyDescriptor(known.object, known.keys[k]!)];
        if (!after || !is(before.value, after.value) || before.get !== after.get || before.set !== after.set)
          return `${known.name}.${String(known.keys[k])}`;
      }
    }
    return null;
  };
}
