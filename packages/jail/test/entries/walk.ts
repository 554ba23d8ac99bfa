import { builtinModules, createRequire } from "node:module";
import { Tensor } from "@gradus/tensor";

/** Looks for ways from what untrusted code can name to the host's own functions; gives their paths. */
export default async function walk(_: unknown, seal: () => void): Promise<unknown> {
  const require = createRequire(import.meta.url);
  const dangerous = new Map<unknown, string>([[process, "process"]]);
  const harmless =
    /^(node:)?(_stream.*|stream.*|buffer|util.*|url|querystring|string_decoder|assert.*|events|timers.*|perf_hooks|path.*|constants|punycode|crypto|zlib|console|sys|sqlite|diagnostics_channel|async_hooks|test.*)$/;
  for (const name of builtinModules.filter((n) => !harmless.test(n))) {
    const exported = require(name) as Record<string, unknown>;
    for (const key of Object.getOwnPropertyNames(exported)) {
      const value = exported[key];
      if (typeof value !== "function") continue;
      dangerous.set(value, `${name}.${key}`);
      if (value.prototype && value.prototype !== Object.prototype) dangerous.set(value.prototype, `${name}.${key}.prototype`);
    }
  }
  for (const stream of [process.stdout, process.stderr]) dangerous.set(stream, "a stream of the process");
  // Built-ins of the language and of streams are also exported by such modules.
  for (const name of [
    "Object",
    "Function",
    "Array",
    "Promise",
    "Error",
    "String",
    "Number",
    "Boolean",
    "Symbol",
    "BigInt",
    "Event",
    "EventTarget",
  ])
    dangerous.delete((globalThis as Record<string, unknown>)[name]);
  const { EventEmitter } = require("node:events") as { EventEmitter: unknown };
  dangerous.delete(EventEmitter);
  seal();
  const samples: Record<string, unknown> = {
    timeout: setTimeout(() => {}, 1),
    interval: setInterval(() => {}, 1e6),
    immediate: setImmediate(() => {}),
    response: new Response(new Blob(["x"]).stream()),
    aborting: AbortSignal.timeout(10),
    any: AbortSignal.any([new AbortController().signal]),
    gzip: new CompressionStream("gzip"),
    text: new TextDecoderStream(),
    bytes: new TextEncoder().encode("x"),
    subtle: crypto.subtle,
    error: new DOMException("x"),
    buffer: Buffer.from("x"),
    tensor: Tensor,
  };
  clearInterval(samples["interval"] as never);
  const found: string[] = [];
  const seen = new Set<unknown>();
  const queue: [unknown, string][] = [[globalThis, "globalThis"], ...Object.entries(samples).map(([k, v]) => [v, k] as [unknown, string])];
  for (const [value, path] of queue) {
    if ((typeof value !== "object" && typeof value !== "function") || value === null || seen.has(value)) continue;
    seen.add(value);
    if (dangerous.has(value)) found.push(`${path} is ${dangerous.get(value)}`);
    if (ArrayBuffer.isView(value) || path.split(".").length > 12) continue;
    queue.push([Object.getPrototypeOf(value), `${path}.__proto__`]);
    for (const key of Reflect.ownKeys(value)) {
      const { value: inner, get, set } = Object.getOwnPropertyDescriptor(value, key)!;
      queue.push([inner, `${path}.${String(key)}`], [get, `${path}.get ${String(key)}`], [set, `${path}.set ${String(key)}`]);
      try {
        if (get) queue.push([(value as Record<PropertyKey, unknown>)[key], `${path}.${String(key)}`]);
        // Accessors of a prototype, on what inherits from it.
        const proto = Object.getPrototypeOf(value);
        if (proto && typeof value === "object")
          for (const name of Reflect.ownKeys(proto)) queue.push([(value as Record<PropertyKey, unknown>)[name], `${path}.${String(name)}`]);
      } catch {
        // Accessors that want another receiver.
      }
    }
  }
  return { found, seen: seen.size };
}
