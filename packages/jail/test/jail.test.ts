import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Protection, protection, runInJail } from "../src/index.ts";

const entry = fileURLToPath(new URL("./entry.ts", import.meta.url));
let active: Protection;
let port = 0;
let requests = 0;
const server = createServer((_, response) => {
  requests++;
  response.end("reached");
});
const folder = mkdtempSync(join(tmpdir(), "gradus-jail-"));
const secret = join(folder, "secret.txt");

beforeAll(async () => {
  active = await protection();
  writeFileSync(secret, "the answers");
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => server.close());

const run = (code: string, milliseconds = 6000) => runInJail({ entry, input: { code }, milliseconds, megabytes: 256 });

describe("in the jail", () => {
  test("a result comes back as data", async () => {
    expect(await run("return { list: [1, 2], text: 'yes' }")).toMatchObject({ ok: true, value: { list: [1, 2], text: "yes" } });
  });

  test("errors, rejections, endless loops, memory and floods are told apart", async () => {
    expect(await run("throw new Error('on purpose')")).toMatchObject({ ok: false, reason: "crash", message: "on purpose" });
    expect(await run("while (true);", 1500)).toMatchObject({ ok: false, reason: "time" });
    expect(await run("const a = []; while (true) a.push(new Array(1e6).fill(1));")).toMatchObject({ ok: false, reason: "memory" });
    expect(await run("const a = []; while (true) a.push(new Uint8Array(5e7).fill(1));")).toMatchObject({ ok: false, reason: "memory" });
    expect(
      await run(
        "const m = new WebAssembly.Memory({ initial: 1 }); for (let i = 0; ; i++) { m.grow(1000); new Uint8Array(m.buffer).fill(1); }",
      ),
    ).toMatchObject({ ok: false });
    expect(await run("return 'x'.repeat(5e6)")).toMatchObject({ ok: false, reason: "output" });
    expect(await run("await new Promise(() => {})", 1500)).toMatchObject({ ok: false });
  });

  test("WebAssembly works", async () => {
    expect(
      await run("return new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)) instanceof WebAssembly.Module"),
    ).toMatchObject({ ok: true, value: true });
  });

  test("ending the process is not success", async () => {
    for (const code of ["process.exit(0)", "globalThis.process.reallyExit(0)", "process.abort()", "process.kill(process.pid)"])
      expect((await run(code)).ok).toBe(false);
  });

  test("there is no way to modules, files, processes or the environment", async () => {
    const ways = [
      `return (await import("node:fs")).readFileSync(${JSON.stringify(secret)}, "utf8")`,
      `return require("fs").readFileSync(${JSON.stringify(secret)}, "utf8")`,
      `return process.getBuiltinModule("fs").readFileSync(${JSON.stringify(secret)}, "utf8")`,
      `return process.binding("fs")`,
      `return process.mainModule.require("child_process").execSync("id").toString()`,
      `return (await import("node:child_process")).execSync("id").toString()`,
      `return (await import(${JSON.stringify(`file://${secret}`)}))`,
      `return (await import("data:text/javascript,import fs from 'node:fs'; export default fs")).default`,
      `return Object.keys(process.env).length > 0 ? process.env : Promise.reject(new Error("empty"))`,
      "return [].constructor.constructor('return process')().getBuiltinModule('fs')",
      "return new Worker('1')",
    ];
    for (const way of ways) expect(await run(way), way).toMatchObject({ ok: false });
    expect(readFileSync(secret, "utf8")).toBe("the answers");
    expect(readdirSync(folder)).toEqual(["secret.txt"]);
  });

  test("there is no way to the network", async () => {
    for (const way of [
      `return (await fetch("http://127.0.0.1:${port}/")).text()`,
      `return new WebSocket("ws://127.0.0.1:${port}/")`,
      `const net = await import("node:net"); return net.connect(${port}, "127.0.0.1")`,
      `const http = await import("node:http"); return http.get("http://127.0.0.1:${port}/")`,
    ])
      expect(await run(way), way).toMatchObject({ ok: false });
    expect(requests).toBe(0);
  });

  test("a result cannot be made to look better by changing what the language brings", async () => {
    for (const code of [
      "Array.prototype.every = () => true; return false",
      "Object.prototype.toJSON = () => 'forged'; return false",
      "JSON.stringify = () => 'forged'; return false",
      "Promise.prototype.then = function (f) { f('forged') }; return false",
      "Math.abs = () => 0; return false",
      "globalThis.Float32Array = class {}; return false",
      "Object.setPrototypeOf(Array.prototype, { forged: 1 }); return false",
      "Object.getPrototypeOf([][Symbol.iterator]()).next = () => ({ done: true }); return false",
    ]) {
      const result = await run(code);
      expect(result.ok ? result.value : result.reason, code).not.toBe("forged");
      expect(result.ok, code).toBe(false);
    }
  });

  test("nothing stays behind, and the administrator is told what protects", async () => {
    await run("while (true);", 700);
    const names = existsSync("/proc") ? readdirSync("/proc").filter((p) => /^\d+$/.test(p)) : [];
    const left = names.filter((p) => {
      try {
        return readFileSync(`/proc/${p}/cmdline`, "utf8").includes("jail/src/child.ts");
      } catch {
        return false;
      }
    });
    expect(left).toEqual([]);
    expect(active.words).toContain(active.bubblewrap ? "bubblewrap (" : active.namespaces ? "network namespace" : "install bubblewrap");
  });
});
