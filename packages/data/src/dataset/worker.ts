/**
 * What a worker of `map(module, { workers })` runs, in Node.js and in pages: it imports the module and answers one message
 * per element. Elements arrive and leave by structured clone, arrays of results without a copy.
 */
import { context } from "./transforms.ts";

interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  listen(handler: (message: unknown) => void): void;
}

export interface Task {
  readonly id: number;
  readonly module: string;
  readonly name: string;
  readonly element: unknown;
  readonly seed: number;
  readonly epoch: number;
  readonly index: number;
}

export type Answer = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };

async function openPort(): Promise<Port> {
  if (typeof process === "object" && process.versions?.node) {
    const { parentPort } = await import("node:worker_threads");
    return {
      postMessage: (message, transfer) => parentPort!.postMessage(message, transfer as never),
      listen: (handler) => void parentPort!.on("message", handler),
    };
  }
  const scope = globalThis as unknown as { postMessage(m: unknown, t: Transferable[]): void; onmessage: (e: MessageEvent) => void };
  return {
    postMessage: (message, transfer) => scope.postMessage(message, transfer),
    listen: (handler) => {
      scope.onmessage = (event) => handler(event.data);
    },
  };
}

/** Memory of typed arrays that nothing else can see, each once. Views of a part are copied instead. */
function transferable(tree: unknown, found = new Set<ArrayBuffer>()): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(tree)) {
    if (tree.buffer instanceof ArrayBuffer && tree.byteLength === tree.buffer.byteLength) found.add(tree.buffer);
  } else if (typeof tree === "object" && tree !== null) for (const inner of Object.values(tree)) transferable(inner, found);
  return found;
}

async function answer(task: Task): Promise<Answer> {
  try {
    const module = (await import(/* @vite-ignore */ task.module)) as Record<string, unknown>;
    const f = module[task.name];
    if (typeof f !== "function") throw new Error(`${task.module} exports no function ${task.name}`);
    return { id: task.id, value: await f(task.element, context(task.seed, task.epoch, task.index)) };
  } catch (error) {
    return { id: task.id, error: error instanceof Error ? error.message : String(error) };
  }
}

async function main(): Promise<void> {
  // A page's first message may come before the import above is through, so the port listens at once.
  const port = await openPort();
  port.listen(async (message) => {
    const result = await answer(message as Task);
    try {
      port.postMessage(result, "value" in result ? [...transferable(result.value)] : []);
    } catch (error) {
      port.postMessage({ id: result.id, error: `the result cannot be sent: ${(error as Error).message}` } satisfies Answer, []);
    }
  });
}

void main();
