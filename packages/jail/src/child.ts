// Runs inside the jail. Everything that is needed after untrusted code has started is taken hold of before.
import { readFileSync, writeSync } from "node:fs";
import module from "node:module";
import { pathToFileURL } from "node:url";
import { watchIntrinsics } from "./integrity.ts";

const { stringify } = JSON;
const { exit } = process;
const { reallyExit } = process as unknown as { reallyExit: (code: number) => never };
const results = 3;

const { entry, input, nonce } = JSON.parse(readFileSync(0, "utf8")) as { entry: string; input: unknown; nonce: string };
const work = ((await import(pathToFileURL(entry).href)) as { default: (input: unknown, seal: () => void) => Promise<unknown> }).default;

/** Tells whether built-in functions are still what they were; made by `seal`. */
let unchanged: () => string | null = () => null;

function seal(): void {
  // No module can be loaded any more, by whatever way.
  module.registerHooks({
    resolve() {
      throw new Error("Modules cannot be loaded here.");
    },
  });
  const gone = [
    "fetch",
    "WebSocket",
    "EventSource",
    "XMLHttpRequest",
    "Worker",
    "BroadcastChannel",
    "process",
    "Buffer",
    "require",
    "navigator",
    "localStorage",
    "sessionStorage",
    "Request",
    "Response",
    "Headers",
    "FormData",
  ];
  for (const name of [
    "getBuiltinModule",
    "binding",
    "_linkedBinding",
    "dlopen",
    "kill",
    "reallyExit",
    "abort",
    "exit",
    "mainModule",
    "report",
    "emit",
    "on",
    "once",
    "_kill",
    "_debugProcess",
    "openStdin",
    "stdout",
    "stderr",
    "stdin",
  ])
    Object.defineProperty(process, name, { value: undefined, configurable: false, writable: false });
  Object.defineProperty(process, "env", { value: Object.freeze({}), configurable: false, writable: false });
  for (const name of gone) Object.defineProperty(globalThis, name, { value: undefined, configurable: true, writable: true });
  unchanged = watchIntrinsics();
}

const leave = (code: number): never => {
  reallyExit.call(process, code);
  return exit(code);
};

try {
  const value = await work(input, seal);
  const changed = unchanged();
  if (changed) throw new Error(`The code changes ${changed}, which every check relies on.`);
  writeSync(results, `${nonce}${stringify(value)}\n`);
  leave(0);
} catch (error) {
  writeSync(2, `Error: ${String((error as Error)?.message ?? error).slice(0, 2000)}\n`);
  leave(1);
}
