import module from "node:module";
import process from "node:process";
import { hardenLanguage, hardenLibrary, lockedGlobals } from "./harden.ts";

/** What of the host stays; everything else that is global goes. */
const keptGlobals: ReadonlySet<string> = new Set([
  ...lockedGlobals,
  ...["undefined", "NaN", "Infinity", "global", "console", "performance", "atob", "btoa", "crypto", "DOMException"],
  ...["TextEncoder", "TextDecoder", "URL", "URLSearchParams", "Blob", "File", "Response", "Buffer"],
  ...["AbortController", "AbortSignal", "Event", "EventTarget", "CustomEvent"],
  ...["ReadableStream", "ReadableStreamDefaultReader", "ReadableStreamDefaultController", "ReadableByteStreamController"],
  ...["ReadableStreamBYOBReader", "ReadableStreamBYOBRequest", "WritableStream", "WritableStreamDefaultWriter"],
  ...["WritableStreamDefaultController", "TransformStream", "TransformStreamDefaultController", "ByteLengthQueuingStrategy"],
  ...["CountQueuingStrategy", "CompressionStream", "DecompressionStream", "TextEncoderStream", "TextDecoderStream"],
]);

/** Doors of `process`, for the case that somebody keeps a reference to it. */
const doors = [
  ...["binding", "_linkedBinding", "dlopen", "getBuiltinModule", "mainModule", "kill", "_kill", "abort", "exit", "reallyExit", "execve"],
  ...["chdir", "umask", "setuid", "seteuid", "setgid", "setegid", "setgroups", "initgroups", "loadEnvFile", "report"],
  ...["_debugProcess", "_debugEnd", "_startProfilerIdleNotifier", "_getActiveHandles", "_getActiveRequests", "openStdin"],
  ...["stdin", "stdout", "stderr", "_rawDebug", "finalization", "setUncaughtExceptionCaptureCallback"],
];

export interface SealOptions {
  /** Objects handed to untrusted code whose functions it must not be able to replace: module namespaces, a checking function. */
  readonly harden?: readonly object[];
}

/**
 * Closes this process for good: no modules, network, files, processes, threads or environment can be reached from global names any
 * more, and the language's own objects are frozen. WebAssembly, timers and streams go on working.
 */
export function seal({ harden = [] }: SealOptions = {}): void {
  module.registerHooks({
    resolve(specifier) {
      throw new Error(`import of ${JSON.stringify(specifier)}: nothing can be imported here.`);
    },
  });
  // fetch's connections hang on these symbols once any of its classes is loaded; loading them finds the place taken.
  for (const version of ["1", "2"])
    Object.defineProperty(globalThis, Symbol.for(`undici.globalDispatcher.${version}`), { value: null, writable: false });
  closeGlobals();
  closeProcess();
  hardenLanguage();
  for (const exported of harden) hardenLibrary(exported);
}

function closeProcess(): void {
  const closed = () => {
    throw new Error("process: this part of it is not available here.");
  };
  for (const name of doors) Object.defineProperty(process, name, { value: closed, writable: false, configurable: false });
  Object.defineProperty(process, "env", { value: Object.freeze(Object.create(null)), writable: false, configurable: false });
}

function closeGlobals(): void {
  const silent = ["log", "info", "debug", "warn", "error", "table", "trace", "dir", "assert", "group", "groupEnd", "time", "timeEnd"];
  const names = Object.getOwnPropertyNames(globalThis).filter((name) => platform.has(name));
  const global = globalThis as Record<string, unknown>;
  // Some are getters that load the host's modules, which need what goes, when they are first asked for.
  for (const name of names)
    if (keptGlobals.has(name) && Object.getOwnPropertyDescriptor(global, name)!.configurable)
      Object.defineProperty(global, name, { value: global[name], writable: true, enumerable: false, configurable: true });
  // Response needs Buffer, which must not show what lay in memory before: hidden checks, the nonce.
  Object.assign(Buffer, { poolSize: 0, allocUnsafe: Buffer.alloc, allocUnsafeSlow: Buffer.alloc });
  for (const name of ["poolSize", "allocUnsafe", "allocUnsafeSlow"])
    Object.defineProperty(Buffer, name, { writable: false, configurable: false });
  for (const name of names) {
    if (keptGlobals.has(name)) continue;
    if (Object.getOwnPropertyDescriptor(global, name)!.configurable) delete global[name];
    else global[name] = undefined;
  }
  // Node's own console leads to its streams, and so to sockets. This one says nothing; entries may give it functions.
  const console = Object.fromEntries(silent.map((name) => [name, () => {}]));
  Object.defineProperty(globalThis, "console", { value: console, writable: true, enumerable: false, configurable: true });
}

/** Global names that are the platform's, not an entry's; known when this module is loaded, before any entry. */
const platform: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(globalThis));
