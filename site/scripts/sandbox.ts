// Builds what runs learners' code: one file with the engine and the kernel, and the page of the frame that holds it.
import { createHash } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const out = fileURLToPath(new URL("../static/sandbox/", import.meta.url));
const generated = fileURLToPath(new URL("../src/lib/generated/", import.meta.url));
const entry = fileURLToPath(import.meta.resolve("@gradus/notebook/worker"));

/**
 * The frame has no origin of its own and may load nothing and reach nobody (its policy): code comes by message, from a page that it
 * need not trust either. It starts and ends the worker in which cells run; the stop flag is made here because memory is shared
 * only within one origin.
 */
const frame = `
let url = "";
let worker = null;
let stop = null;
addEventListener("message", ({ source, data, ports }) => {
  if (source !== parent) return;
  if (data.type === "code") url = URL.createObjectURL(new Blob([data.code], { type: "text/javascript" }));
  if (data.type === "start") {
    worker?.terminate();
    stop = self.crossOriginIsolated ? new Int32Array(new SharedArrayBuffer(4)) : null;
    worker = new Worker(url);
    worker.onerror = (event) => parent.postMessage({ type: "broken", message: String(event.message) }, "*");
    worker.postMessage({ port: ports[0], stop }, [ports[0]]);
  }
  if (data.type === "stop" && stop) Atomics.store(stop, 0, 1);
  if (data.type === "request") {
    if (stop && data.request.type !== "file") Atomics.store(stop, 0, 0);
    worker?.postMessage(data.request, data.request.bytes ? [data.request.bytes.buffer] : []);
  }
  if (data.type === "end") worker?.terminate();
});
parent.postMessage({ type: "frame", isolated: self.crossOriginIsolated }, "*");
`;

const [result] = (await build({
  configFile: false,
  logLevel: "error",
  define: { "import.meta.url": "self.location.href" },
  // The HDF5 library would be half of what a learner loads; cells read other formats.
  resolve: { alias: { h5wasm: fileURLToPath(new URL("../../packages/notebook/src/kernel/no-hdf5.ts", import.meta.url)) } },
  build: {
    write: false,
    target: "esnext",
    lib: { entry, formats: ["iife"], name: "kernel", fileName: "kernel" },
    // Errors are shown by the names of their classes.
    rolldownOptions: { output: { codeSplitting: false, keepNames: true } },
  },
})) as { output: { code: string }[] }[];
const kernel = result!.output[0]!.code;
const hash = (text: string) => createHash("sha256").update(text).digest("base64");
const policy = [
  "default-src 'none'",
  `script-src '${`sha256-${hash(frame)}`}' blob: 'unsafe-eval' 'wasm-unsafe-eval'`,
  "worker-src blob:",
  // The JPEG decoder fetches its program from a data: address within the kernel; that reaches nobody.
  "connect-src data:",
].join("; ");
const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><title>Cells</title></head><body><script>${frame}</script></body></html>\n`;
const version = createHash("sha256").update(kernel).update(page).digest("hex").slice(0, 12);

const write = async (path: string, text: string) => {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
};
await mkdir(out, { recursive: true });
await mkdir(generated, { recursive: true });
await write(`${out}frame.html`, page);
await write(`${out}kernel.js`, kernel);
await write(`${generated}sandbox.json`, `${JSON.stringify({ version, policy })}\n`);
console.log(`sandbox ${version}: kernel ${(kernel.length / 1e6).toFixed(2)} MB`);
