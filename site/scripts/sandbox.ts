// Builds what runs learners' code: one file with the engine and the kernel, one for each module that is loaded when a cell imports it,
// and the page of the frame that holds them.
import { createHash } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const out = fileURLToPath(new URL("../static/sandbox/", import.meta.url));
const generated = fileURLToPath(new URL("../src/lib/generated/", import.meta.url));

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

const standIn = (name: string) => fileURLToPath(new URL(`../../packages/notebook/src/kernel/${name}.ts`, import.meta.url));

/** A program in one file, which puts what its entry exports into a variable; `given` are modules that it finds in `modules`. */
async function bundle(entry: string, variable: string, given: readonly string[] = []): Promise<string> {
  const [result] = (await build({
    configFile: false,
    logLevel: "error",
    define: { "import.meta.url": "self.location.href" },
    // The HDF5 library would be half of what a learner loads; cells read other formats. Chess comes to who imports it.
    resolve: {
      alias: [
        { find: "h5wasm", replacement: standIn("no-hdf5") },
        ...(given.length ? [] : [{ find: /^\.\/chess\/chess\.ts$/, replacement: standIn("no-chess") }]),
      ],
    },
    build: {
      write: false,
      target: "esnext",
      lib: { entry, formats: ["iife"], name: variable, fileName: variable },
      rolldownOptions: {
        external: [...given],
        // Errors are shown by the names of their classes.
        output: {
          codeSplitting: false,
          keepNames: true,
          globals: Object.fromEntries(given.map((m) => [m, `modules[${JSON.stringify(m)}]`])),
        },
      },
    },
  })) as { output: { code: string }[] }[];
  return result!.output[0]!.code;
}

const kernel = await bundle(fileURLToPath(import.meta.resolve("@gradus/notebook/worker")), "kernel");
const chess = `/*! With chessops by Niklas Fiekas, GPL-3.0-or-later: https://github.com/niklasf/chessops */
${await bundle(fileURLToPath(import.meta.resolve("@gradus/systems/zero/chess")), "chess", ["@gradus/tensor", "@gradus/data"])}
return chess;`;
const hash = (text: string) => createHash("sha256").update(text).digest("base64");
const policy = [
  "default-src 'none'",
  `script-src '${`sha256-${hash(frame)}`}' blob: 'unsafe-eval' 'wasm-unsafe-eval'`,
  "worker-src blob:",
  // The JPEG decoder fetches its program from a data: address within the kernel; that reaches nobody.
  "connect-src data:",
].join("; ");
const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><title>Cells</title></head><body><script>${frame}</script></body></html>\n`;
const version = createHash("sha256").update(kernel).update(chess).update(page).digest("hex").slice(0, 12);

const write = async (path: string, text: string) => {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
};
await mkdir(out, { recursive: true });
await mkdir(generated, { recursive: true });
await write(`${out}frame.html`, page);
await write(`${out}kernel.js`, kernel);
await write(`${out}chess.js`, chess);
const modules = { "@gradus/systems/zero/chess": "chess.js" };
await write(`${generated}sandbox.json`, `${JSON.stringify({ version, policy, modules })}\n`);
console.log(`sandbox ${version}: kernel ${(kernel.length / 1e6).toFixed(2)} MB, chess ${(chess.length / 1e6).toFixed(2)} MB`);
