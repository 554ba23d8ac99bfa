import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { JailQueue, protection, runInJail } from "../src/index.ts";
import { probe } from "../src/protection.ts";
import { entryAt } from "./walls.ts";

/** Tells this file's processes from those of others. */
const megabytes = 133;
const job = (code: string, milliseconds = 15_000) => ({ entry: entryAt("code"), input: { code }, milliseconds, megabytes });
const forever = job("while (true);");
const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function running(): number {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`--max-old-space-size=${megabytes}`);
    } catch {
      return false;
    }
  }).length;
}

describe("a queue", () => {
  test("lets owners take turns", async () => {
    const queue = new JailQueue({ concurrent: 1 });
    const order: string[] = [];
    const run = (owner: string, n: number) => queue.run({ ...job("return 1"), owner }).then(() => order.push(owner + n));
    await Promise.all([run("a", 1), run("a", 2), run("a", 3), run("b", 1), run("c", 1), run("b", 2)]);
    expect(order).toEqual(["a1", "a2", "b1", "c1", "a3", "b2"]);
    expect(queue.waiting).toBe(0);
  });

  test("runs as many at a time as it may", async () => {
    const queue = new JailQueue({ concurrent: 2 });
    const wait = job("await new Promise((r) => setTimeout(r, 600)); return 1");
    const begin = performance.now();
    const results = await Promise.all([queue.run(wait), queue.run(wait), queue.run(wait)]);
    expect(results.every((r) => r.ok)).toBe(true);
    expect(performance.now() - begin).toBeGreaterThan(1200);
  });

  test("says so when it is full", async () => {
    const queue = new JailQueue({ concurrent: 1, waiting: 1 });
    const [first, second] = [queue.run(job("return 1")), queue.run(job("return 2"))];
    await expect(queue.run(job("return 3"))).rejects.toThrow("1 submissions are waiting already, which is as many as may. Try again");
    expect([await first, await second]).toMatchObject([{ value: 1 }, { value: 2 }]);
  });

  test("drops what is aborted, waiting or running", async () => {
    const queue = new JailQueue({ concurrent: 1 });
    const [one, two] = [new AbortController(), new AbortController()];
    const first = queue.run({ ...forever, signal: one.signal });
    const second = queue.run({ ...forever, signal: two.signal });
    const third = queue.run(job("return 3"));
    two.abort(new Error("withdrawn"));
    await expect(second).rejects.toThrow("withdrawn");
    await soon(300);
    one.abort(new Error("stopped"));
    await expect(first).rejects.toThrow("stopped");
    expect(await third).toMatchObject({ ok: true, value: 3 });
    await expect(queue.run({ ...forever, signal: AbortSignal.abort(new Error("before")) })).rejects.toThrow("before");
  });

  test("closes: what waits is refused, what runs is killed, and nothing is taken any more", async () => {
    const queue = new JailQueue({ concurrent: 2 });
    const jobs = [queue.run(forever), queue.run(forever), queue.run(forever)].map((p) => p.catch((e: Error) => e.message));
    await soon(400);
    expect(running()).toBeGreaterThan(0);
    await queue.close();
    expect(running()).toBe(0);
    expect(await Promise.all(jobs)).toEqual(Array(3).fill(expect.stringContaining("The queue is closed")));
    await expect(queue.run(forever)).rejects.toThrow("The queue is closed");
  });

  test("refuses sizes that make no sense", () => {
    expect(() => new JailQueue({ concurrent: 0 })).toThrow("concurrent should be a whole number above 0. Received: 0");
    expect(() => new JailQueue({ concurrent: 1, waiting: -1 })).toThrow("waiting should be a whole number, 0 or more. Received: -1");
  });
});

describe("the protection", () => {
  afterEach(() => {
    delete process.env["GRADUS_JAIL"];
  });

  test("is the best there is, in words", async () => {
    const { layer, available, parts, words } = await protection();
    expect(layer).toBe(available[0]);
    expect(parts.map((p) => p.name)).toEqual(["bubblewrap", "namespaces", "permission", "limits", "seal"]);
    for (const part of parts.filter((p) => p.active)) expect(words).toContain(part.words);
  });

  test("is the one that GRADUS_JAIL asks for, and is named when it is unknown", async () => {
    for (const layer of (await probe()).available) {
      process.env["GRADUS_JAIL"] = layer;
      expect((await protection()).layer).toBe(layer);
      expect(await runInJail(job("return 1"))).toMatchObject({ ok: true });
    }
    process.env["GRADUS_JAIL"] = "bubblewrap";
    const told = await protection().then(
      (p) => p.layer,
      (e: Error) => e.message,
    );
    expect(told).toMatch(/^bwrap$|^GRADUS_JAIL asks for bubblewrap, which does not work on this machine\. Install the package bubblewrap/);
    process.env["GRADUS_JAIL"] = "docker";
    await expect(protection()).rejects.toThrow('GRADUS_JAIL is "docker". It should be best, bubblewrap,');
    expect(await runInJail(job("return 1"))).toMatchObject({ ok: false, reason: "start", message: expect.stringContaining("docker") });
  });

  test("refuses to run where a wanted layer is missing", async () => {
    // A process without programs to find has only Node.js's own layer.
    const script = `import { protection, runInJail } from ${JSON.stringify(fileURLToPath(new URL("../src/index.ts", import.meta.url)))};
      const told = [];
      for (const wanted of ["best", "bwrap", "namespaces", "none-refuse"]) {
        process.env.GRADUS_JAIL = wanted;
        told.push(await protection().then((p) => p.layer, (e) => e.message));
        told.push((await runInJail(${JSON.stringify(job("return 1"))})).ok);
      }
      console.log(JSON.stringify(told));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      env: { PATH: "/nowhere" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    for await (const chunk of child.stdout) out += chunk;
    expect(JSON.parse(out)).toEqual([
      ...["permission", true],
      ...[expect.stringMatching(/asks for bwrap, which does not work on this machine\. Install the package bubblewrap/), false],
      ...[expect.stringMatching(/asks for namespaces, which does not work on this machine\. Install util-linux/), false],
      ...[expect.stringMatching(/no sandbox of the operating system works on this machine, so nothing is run/), false],
    ]);
  });

  test("ends with the server: a killed server leaves no process", async () => {
    for (const layer of (await probe()).available) {
      const script = `import { runInJail } from ${JSON.stringify(fileURLToPath(new URL("../src/index.ts", import.meta.url)))};
        await runInJail(${JSON.stringify(forever)});`;
      const env = { PATH: process.env["PATH"], GRADUS_JAIL: layer };
      const server = spawn(process.execPath, ["--input-type=module", "-e", script], { env, stdio: "ignore" });
      for (let i = 0; i < 100 && running() === 0; i++) await soon(50);
      expect(running(), layer).toBeGreaterThan(0);
      await soon(300);
      server.kill("SIGKILL");
      await soon(700);
      expect(running(), layer).toBe(0);
    }
  });
});

describe("wrong use", () => {
  test("is told before anything starts", async () => {
    await expect(runInJail({ ...forever, entry: "grade.ts" })).rejects.toThrow(
      "entry should be the full path of a module. Received: grade.ts",
    );
    await expect(runInJail({ ...forever, milliseconds: 0 })).rejects.toThrow("milliseconds should be a number above 0. Received: 0");
    await expect(runInJail({ ...forever, megabytes: Number.NaN })).rejects.toThrow("megabytes should be a number above 0. Received: NaN");
    await expect(runInJail({ ...forever, input: () => 1 })).rejects.toThrow("input should be data that JSON can hold");
  });

  test("of an entry is a start that failed", async () => {
    expect(await runInJail({ ...forever, entry: "/nowhere/grade.ts" })).toMatchObject({
      ok: false,
      reason: "start",
      message: expect.stringContaining("/nowhere"),
    });
    const test = fileURLToPath(new URL("./walls.ts", import.meta.url));
    expect(await runInJail({ ...forever, entry: test })).toMatchObject({ ok: false, reason: "start" });
  });
});
