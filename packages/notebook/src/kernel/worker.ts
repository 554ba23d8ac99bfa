/// <reference lib="webworker" />
import { init } from "@gradus/tensor";
import { Kernel } from "./kernel.ts";
import { type Modules, modulesWith } from "./modules.ts";
import type { Reply, Request } from "./protocol.ts";

/**
 * What starts a kernel in a worker of a page: where to answer, and what tells it to stop. Requests follow as further messages, on the
 * way that the wish to stop takes too, so that neither overtakes the other.
 */
export interface WorkerStart {
  readonly port: MessagePort;
  readonly stop: Int32Array | null;
}

const scope = self as unknown as DedicatedWorkerGlobalScope;

scope.addEventListener(
  "message",
  ({ data }: MessageEvent<WorkerStart>) => {
    start(data).catch((error: unknown) => {
      // Thrown outside of any promise, it reaches whoever started this worker.
      setTimeout(() => {
        throw error;
      });
    });
  },
  { once: true },
);

async function start({ port, stop }: WorkerStart): Promise<void> {
  const tell = (reply: Reply) => port.postMessage(reply);
  const files = new Map<number, { resolve: (bytes: Uint8Array<ArrayBuffer>) => void; reject: (error: Error) => void }>();
  let number = 0;
  const ask = (type: "file" | "module", name: string) =>
    new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
      files.set(++number, { resolve, reject });
      tell({ type, number, name: String(name) });
    });
  const readFile = (name: string) => ask("file", name);
  const modules: Modules = modulesWith(async (name) => {
    // The body of a function of the other modules, as the site has built it.
    const program = new Function("modules", new TextDecoder().decode(await ask("module", name)));
    return program(modules);
  });
  const kernel = new Kernel({ modules, tell, readFile, stop });
  const device = init();
  let last: Promise<unknown> = device.catch(() => {});
  scope.addEventListener("message", ({ data }: MessageEvent<Request>) => {
    if (data.type === "file") {
      const waiting = files.get(data.number);
      files.delete(data.number);
      if (data.bytes) waiting?.resolve(data.bytes);
      else waiting?.reject(new Error(data.error ?? "The file cannot be read."));
    } else if (data.type === "run") last = last.then(() => kernel.run(data.cell, data.source, data.inputs));
    else if (data.type === "check")
      last = last.then(async () => tell({ type: "checked", cell: data.cell, results: await kernel.check(data.cell, data.checks) }));
  });
  const { description } = await device;
  tell({ type: "ready", device: description });
}
