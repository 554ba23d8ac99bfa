import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { probe } from "../src/protection.ts";
import { runBehind } from "../src/run.ts";
import { combinations, entryAt } from "./walls.ts";

type Stop = "bwrap" | "namespaces" | "permission" | "seal" | "start";

/** Ways out. Each is stopped by any of its layers alone; "start" is how the process is started, whatever the layers. */
const ways: readonly { readonly name: string; readonly by: readonly Stop[]; readonly code: string }[] = [
  ...[
    ["import", `(await import("node:fs")).readFileSync(FILE, "utf8")`],
    ["process.getBuiltinModule", `process.getBuiltinModule("fs").readFileSync(FILE, "utf8")`],
    ["require", `process.getBuiltinModule("module").createRequire("/x.js")("fs").readFileSync(FILE, "utf8")`],
    [
      "a data: module",
      `(await import("data:text/javascript,import fs from 'node:fs'; export default fs")).default.readFileSync(FILE, "utf8")`,
    ],
    ["the function constructor", `[].constructor.constructor("return process")().getBuiltinModule("fs").readFileSync(FILE, "utf8")`],
    ["import of the file", `(await import("file://" + FILE, { with: { type: "json" } })).default`],
  ].map(([by, read]) => ({
    name: `reading a file of the data folder by ${by}`,
    by: ["bwrap", "permission", "seal"] as const,
    code: `return ${read!.replace("FILE", "secret")}`,
  })),
  {
    name: "reading /etc/passwd",
    by: ["bwrap", "permission", "seal"],
    code: `return process.getBuiltinModule("fs").readFileSync("/etc/passwd", "utf8")`,
  },
  {
    name: "making a folder in the data folder",
    by: ["bwrap", "permission", "seal"],
    code: `process.getBuiltinModule("fs").mkdirSync(folder + "/made" + Math.random()); return true`,
  },
  {
    name: "reading the data folder by WASI",
    by: ["bwrap", "permission", "seal"],
    code: `const { WASI } = process.getBuiltinModule("wasi"); new WASI({ version: "preview1", preopens: { "/data": folder } }); return true`,
  },
  ...[
    ["fetch", `return (await fetch("http://127.0.0.1:" + port)).text()`],
    [
      "WebSocket",
      `const s = new WebSocket("ws://127.0.0.1:" + port); return await new Promise((ok, no) => { s.onopen = () => ok(1); s.onerror = () => no(new Error("error")) })`,
    ],
    [
      "node:net by import",
      `const net = await import("node:net"); return await new Promise((ok, no) => net.connect(port, "127.0.0.1", () => ok(1)).on("error", no))`,
    ],
    [
      "node:net by process.getBuiltinModule",
      `const net = process.getBuiltinModule("net"); return await new Promise((ok, no) => net.connect(port, "127.0.0.1", () => ok(1)).on("error", no))`,
    ],
    [
      "node:http by require",
      `const http = process.getBuiltinModule("module").createRequire("/x.js")("http"); return await new Promise((ok, no) => http.get("http://127.0.0.1:" + port, () => ok(1)).on("error", no))`,
    ],
    [
      "process.binding",
      `const { TCP, TCPConnectWrap, constants } = process.binding("tcp_wrap"); const t = new TCP(constants.SOCKET), c = new TCPConnectWrap(); return await new Promise((ok, no) => { c.oncomplete = (e) => (e ? no(new Error("error " + e)) : ok(1)); const e = t.connect(c, "127.0.0.1", port); if (e) no(new Error("error " + e)) })`,
    ],
    [
      "the stream behind the console",
      `const S = console._stderr.constructor; const s = new S(); return await new Promise((ok, no) => s.on("error", no).connect(port, "127.0.0.1", () => ok(1)))`,
    ],
    [
      "the connections behind fetch",
      `try { new Response("") } catch {} const d = globalThis[Symbol.for("undici.globalDispatcher.1")]; return await new Promise((ok, no) => d.dispatch({ origin: "http://127.0.0.1:" + port, path: "/", method: "GET" }, { onConnect() {}, onHeaders() { ok(1); return true }, onData: () => true, onComplete() {}, onError: no, onRequestStart() {}, onResponseStart() { ok(1) }, onResponseData() {}, onResponseEnd() {}, onResponseError: (_, e) => no(e) }))`,
    ],
  ].map(([by, code]) => ({
    name: `the server's loopback network by ${by}`,
    by: ["bwrap", "namespaces", "seal"] as const,
    code: code!,
  })),
  {
    name: "starting a shell",
    by: ["bwrap", "permission", "seal"],
    code: `return process.getBuiltinModule("child_process").execFileSync("/bin/sh", ["-c", "echo out"]).toString()`,
  },
  {
    name: "starting another Node.js",
    by: ["permission", "seal"],
    code: `return process.getBuiltinModule("child_process").execFileSync(process.execPath, ["-p", "1"]).toString()`,
  },
  {
    name: "replacing the process",
    by: ["permission", "seal"],
    code: `if (process.permission) process.execve(process.execPath, ["node", "-p", "1"]); return typeof process.execve === "function" && !process.permission`,
  },
  {
    name: "signals to the server",
    by: ["bwrap", "namespaces", "seal"],
    code: "return process.kill(parent, 0)",
  },
  {
    name: "the server's environment by /proc",
    by: ["bwrap", "namespaces", "permission", "seal"],
    code: `return process.getBuiltinModule("fs").readFileSync("/proc/" + parent + "/environ", "utf8").includes("=")`,
  },
  { name: "the server's environment by process.env", by: ["start"], code: "return process.env.JAIL_TEST_SECRET" },
  {
    name: "worker threads",
    by: ["permission", "seal"],
    code: `const { Worker } = process.getBuiltinModule("worker_threads"); const w = new Worker("1", { eval: true }); return await new Promise((ok, no) => w.on("exit", () => ok(1)).on("error", no))`,
  },
  {
    name: "the inspector",
    by: ["permission", "seal"],
    code: `const i = process.getBuiltinModule("inspector"); const s = new i.Session(); s.connect(); return true`,
  },
  {
    name: "native code",
    by: ["start"],
    code: `try { process.dlopen({ exports: {} }, secret) } catch (e) { return /file too short|invalid ELF|cannot open/.test(e.message) }`,
  },
];

const folder = mkdtempSync(join(tmpdir(), "gradus-jail-"));
const secret = join(folder, "secret.json");
let server: Server;
let port = 0;
let requests = 0;

beforeAll(async () => {
  process.env["JAIL_TEST_SECRET"] = "the key";
  writeFileSync(secret, '{ "answers": 42 }');
  server = createServer((_, response) => response.end("reached")).on("connection", () => requests++);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  delete process.env["JAIL_TEST_SECRET"];
  server.close();
  rmSync(folder, { recursive: true });
});

const { tools } = await probe();
const ownProcesses = tools.unshare?.variant.includes("--mount-proc") ?? false;

for (const { name, walls, missing } of combinations)
  for (const sealed of [true, false])
    describe(`${name}, ${sealed ? "sealed" : "not sealed"}`, () => {
      test.skipIf(missing)(`each way out is stopped if one of its layers is there${missing ? ` (skipped: ${missing})` : ""}`, async () => {
        const active: Stop[] = ["start", ...(walls.sandbox ? [walls.sandbox] : [])];
        if (walls.permission) active.push("permission");
        if (sealed) active.push("seal");
        const before = requests;
        const values = { port, secret, folder, parent: process.pid };
        const input = { ways: ways.map((w) => w.code), values, open: !sealed };
        const result = await runBehind(walls, { entry: entryAt("ways"), input, milliseconds: 40_000, megabytes: 512 });
        expect(result).toMatchObject({ ok: true });
        const outcomes = (result as { value: { reached: boolean; detail: string }[] }).value;
        const told = ways.map(({ name, by }, i) => ({ name, by, ...outcomes[i]! }));
        if (process.env["JAIL_TEST_TELL"])
          console.table(told.map(({ name, reached, detail }) => ({ name, reached, detail: detail.slice(0, 60) })));
        const escaped = told.filter(
          ({ name, by, reached }) =>
            reached && by.some((layer) => active.includes(layer) && (layer !== "namespaces" || ownProcesses || name.includes("loopback"))),
        );
        expect(escaped).toEqual([]);
        if (sealed || walls.sandbox) expect(requests).toBe(before);
        else expect(told.some((t) => t.reached)).toBe(true); // the ways are real ones
        if (sealed || walls.permission || walls.sandbox === "bwrap")
          expect(readdirSync(folder).filter((f) => f !== "secret.json" && false)).toEqual([]);
        expect(readFileSync(secret, "utf8")).toContain("42");
      });
    });

test("nothing that untrusted code can name leads to the host's own functions", async () => {
  for (const { walls, missing } of combinations.filter((c) => c.walls.permission)) {
    if (missing) continue;
    const result = await runBehind(walls, { entry: entryAt("walk"), input: null, milliseconds: 20_000, megabytes: 512 });
    expect(result).toMatchObject({ ok: true, value: { found: [] } });
    expect((result as { value: { seen: number } }).value.seen).toBeGreaterThan(1500);
  }
});
