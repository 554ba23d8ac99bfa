import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type JailOptions, runBehind } from "../src/run.ts";
import { combinations, entryAt } from "./walls.ts";

/** Tells this file's processes from those of others. */
const megabytes = 131;

/** This file's processes that still run. */
function leftOver(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`--max-old-space-size=${megabytes}`);
      } catch {
        return false;
      }
    });
}

for (const { name, walls, missing } of combinations)
  describe.skipIf(missing)(`behind ${name}${missing ? ` (skipped: ${missing})` : ""}`, () => {
    const run = (code: string, options: Partial<JailOptions> & { open?: boolean } = {}) =>
      runBehind(walls, {
        entry: entryAt("code"),
        input: { code, open: options.open ?? false },
        milliseconds: 15_000,
        megabytes,
        ...options,
      });

    test("a result comes back as data", async () => {
      const result = await run("return { list: [1, 2], text: 'é\\u2028', nothing: null }");
      expect(result).toMatchObject({ ok: true, value: { list: [1, 2], text: "é\u2028", nothing: null } });
      expect((result as { peakMegabytes: number }).peakMegabytes).toBeGreaterThan(20);
      expect(await run("")).toMatchObject({ ok: true, value: null });
    });

    test("endless loops are stopped, of whatever kind", async () => {
      const loops = [
        "while (true);",
        "const f = () => queueMicrotask(f); f(); await new Promise(() => {})",
        "setInterval(() => {}, 1); await new Promise(() => {})",
        "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)",
        "return /^(a+)+$/.test('a'.repeat(60) + 'b')",
        "return { toJSON() { while (true); } }",
        "throw { get message() { while (true); } }",
      ];
      const results = await Promise.all(loops.map((code) => run(code, { milliseconds: 2000 })));
      results.forEach((result, i) => expect(result, `${loops[i]}: ${JSON.stringify(result)}`).toMatchObject({ ok: false, reason: "time" }));
    });

    test.skipIf(!walls.limits)("processor time is bounded by itself, so that a busy machine fails nobody", async () => {
      const codes = ["while (true);", "await new Promise((r) => setTimeout(r, 2500)); return 1"];
      const [busy, idle] = await Promise.all(codes.map((code) => run(code, { processorSeconds: 2, milliseconds: 50_000 })));
      expect(busy).toMatchObject({ ok: false, reason: "time", message: "The code used more than 2 seconds of processor time." });
      expect(idle).toMatchObject({ ok: true });
    });

    test("memory is bounded: of objects, strings, typed arrays and WebAssembly", async () => {
      for (const code of [
        "const a = []; while (true) a.push(new Array(1e5).fill(a.length));",
        "let s = 'x'; const a = []; while (true) a.push(Array.from({ length: 1e4 }, (_, i) => s + i));",
        "const a = []; while (true) a.push(new Uint8Array(2e7).fill(1));",
        "const a = []; while (true) a.push(new ArrayBuffer(1e6));",
        "const a = []; while (true) { const m = new WebAssembly.Memory({ initial: 500 }); new Uint8Array(m.buffer).fill(1); a.push(m); }",
        "const m = new WebAssembly.Memory({ initial: 1 }); while (true) { m.grow(500); new Uint8Array(m.buffer).fill(1); }",
      ])
        expect(await run(code), code).toMatchObject({ ok: false, reason: "memory" });
    });

    test("floods of output are stopped", async () => {
      expect(await run("return 'x'.repeat(5e6)")).toMatchObject({ ok: false, reason: "output" });
      expect(await run("return 'x'.repeat(200)", { outputBytes: 100 })).toMatchObject({ ok: false, reason: "output" });
      expect(await run("for (let i = 0; i < 1e5; i++) console.log('x'.repeat(100)); return 1")).toMatchObject({ ok: true, value: 1 });
      const flood = "const fs = process.getBuiltinModule('fs'); while (true) try { fs.writeSync(2, 'x'.repeat(1e4)) } catch {}";
      expect(await run(flood, { open: true })).toMatchObject({ ok: false, reason: "output" });
    });

    test("errors, rejections and endings are crashes, not results", async () => {
      expect(await run("throw new TypeError('on purpose')")).toMatchObject({ ok: false, reason: "crash", message: "on purpose" });
      for (const [code, words] of [
        ["Promise.reject(new Error('nobody waits')); await new Promise((r) => setTimeout(r, 200)); return 1", /nobody waits/],
        ["setTimeout(() => { throw new Error('later') }); await new Promise((r) => setTimeout(r, 200)); return 1", /later/],
        ["await new Promise(() => {})", /never happens/],
        ["return 1n", /BigInt/],
        ["const a = {}; a.a = a; return a", /circular/],
        ["throw null", /null/],
        ["throw new Proxy({}, { get() { throw 1 } })", /cannot be read/],
        ["const f = () => f(); f()", /call stack/],
        ["this is not a program", /Unexpected|identifier/],
      ] as const)
        expect(await run(code), code).toMatchObject({ ok: false, reason: "crash", message: expect.stringMatching(words) });
      for (const code of [
        "process.exit(0)",
        "process.reallyExit(0)",
        "process.abort()",
        "process.kill(process.pid, 'SIGKILL'); process.reallyExit(0)",
      ]) {
        expect(await run(code), code).toMatchObject({ ok: false, reason: "crash" });
        expect(await run(code, { open: true }), `${code}, not sealed`).toMatchObject({ ok: false, reason: "crash" });
      }
    });

    test("results cannot be written by others, even where the seal is left out", async () => {
      const forge = (text: string) =>
        `const fs = process.getBuiltinModule("fs"); for (let fd = 1; fd < 30; fd++) try { fs.writeSync(fd, ${text}) } catch {}`;
      for (const text of [`'{"value":"forged"}\\n'`, `"0".repeat(48) + '{"value":"forged"}\\n'`, `'\\n'`])
        for (const end of ["process.exit(0)", "process.reallyExit(0)", "return 'forged'"]) {
          const result = await run(`${forge(text)}; ${end}`, { open: true });
          expect(result.ok, `${text} ${end}`).toBe(false);
        }
    });

    test("WebAssembly, streams, timers and one's own errors go on working", async () => {
      const code = `
        const bytes = Uint8Array.of(0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11);
        const { instance } = await WebAssembly.instantiate(bytes);
        const packed = new Response(new Blob(["text"]).stream().pipeThrough(new CompressionStream("gzip")));
        const text = await new Response((await packed.blob()).stream().pipeThrough(new DecompressionStream("gzip"))).text();
        class Mine extends Error { constructor(m) { super(m); this.name = "Mine"; this.message = m + "!"; } }
        const o = {}; o.toString = () => "own"; o.constructor = 1;
        const url = new URL("a?b=1", "https://example.org/").searchParams.get("b");
        const random = crypto.getRandomValues(new Uint8Array(4)).length;
        return [instance.exports.add(2, 3), text, String(new Mine("m")), String(o), url, random, structuredClone([1]), performance.now() > 0, [3, 1, 2].sort()];`;
      expect(await run(code)).toMatchObject({ ok: true, value: [5, "text", "Mine: m!", "own", "1", 4, [1], true, [1, 2, 3]] });
    });

    test("buffers show nothing of what lay in memory before", async () => {
      const code = `const held = [Buffer.allocUnsafe(1e5), Buffer.allocUnsafeSlow(1e5)];
        const around = [Buffer.from("abc"), Buffer.concat([Buffer.from("x")])].map((b) => b.buffer.byteLength);
        return [held.some((b) => b.some((x) => x !== 0)), Math.max(...around) < 16]`;
      expect(await run(code)).toMatchObject({ ok: true, value: [false, true] });
    });

    test("nothing stays behind", async () => {
      await run("while (true);", { milliseconds: 400 });
      const starts =
        "process.getBuiltinModule('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1)'], { detached: true, stdio: 'inherit' }); while (true);";
      await run(starts, { open: true, milliseconds: 400 });
      await new Promise((r) => setTimeout(r, 100));
      expect(leftOver()).toEqual([]);
    });
  });
