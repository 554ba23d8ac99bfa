import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { beginRun } from "../src/run.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-cli-run-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;
const place = (): string => {
  const path = join(folder, String(++made));
  mkdirSync(path);
  return path;
};
// Runs that begin here wait for the end of the process, to give their folders free.
process.setMaxListeners(30);
const kept = { state: ["state.json", "other"], folders: ["games"] };
const begin = (path: string, settings: object, fresh = false) => beginRun("gradus train test", path, settings, fresh, kept);

test.each([["state.json"], ["other"], ["games/1"]])("a folder with %s holds a run, which others do not take up", async (file) => {
  const path = place();
  await begin(path, { game: "a" });
  mkdirSync(join(path, "games"));
  // Nothing in it yet: any run may begin.
  expect(await begin(path, { game: "b" })).toMatchObject({ resumed: false, checkpoint: join(path, "state.json") });
  writeFileSync(join(path, file), "b's");
  await expect(begin(path, { game: "a" })).rejects.toThrow(/holds a run that was stopped, with other settings or other data \(game\)/);
  expect(await begin(path, { game: "b" })).toMatchObject({ resumed: true });
  writeFileSync(join(path, "run.json"), "{");
  await expect(begin(path, { game: "b" })).rejects.toThrow("holds a run that cannot be told from others");
  rmSync(join(path, "run.json"));
  await expect(begin(path, { game: "b" })).rejects.toThrow("holds a run that has lost its settings");
  expect(await begin(path, { game: "a" }, true)).toMatchObject({ resumed: false });
  expect(existsSync(join(path, file))).toBe(false);
});

test("a run that died while it took an earlier one away leaves nothing of that to the next", async () => {
  const path = place();
  await begin(path, { game: "a" });
  writeFileSync(join(path, "other"), "a's");
  writeFileSync(join(path, "run.json"), JSON.stringify({ cleared: true }));
  expect(await begin(path, { game: "a" })).toMatchObject({ resumed: false });
  expect(existsSync(join(path, "other"))).toBe(false);
  expect(JSON.parse(readFileSync(join(path, "run.json"), "utf8"))).toEqual({ game: "a" });
});

test.each(["", "{", "null", "[]", '"settings"'])(
  "a run whose settings are damaged, %j, is no other's, and makes place for a fresh one",
  async (text) => {
    const path = place();
    await begin(path, { game: "a" });
    writeFileSync(join(path, "other"), "a's");
    writeFileSync(join(path, "run.json"), text);
    await expect(begin(path, { game: "a" })).rejects.toThrow(/run\.json is damaged\. Give --fresh to start anew/);
    expect(existsSync(join(path, "run.lock"))).toBe(false);
    expect(readFileSync(join(path, "other"), "utf8")).toBe("a's");
    expect(await begin(path, { game: "b" }, true)).toMatchObject({ resumed: false });
    expect(existsSync(join(path, "other"))).toBe(false);
  },
);

test("what a process that died was writing is taken away, and no file of others", async () => {
  const path = place();
  for (const file of ["state.json.0a1b2c3d.tmp", "best.safetensors.ffffffff.tmp", "notes.tmp"]) writeFileSync(join(path, file), "half of");
  await begin(path, { game: "a" });
  expect(readdirSync(path).sort()).toEqual(["notes.tmp", "run.json", "run.lock"]);
});

test("a run that has ended keeps its folders and nothing to go on from, and says so", async () => {
  const path = place();
  const { end } = await begin(path, { game: "a" });
  mkdirSync(join(path, "games"));
  for (const file of ["state.json", "other", "games/1"]) writeFileSync(join(path, file), "");
  await end();
  expect(readdirSync(path).sort()).toEqual(["games", "run.json"]);
  await expect(begin(path, { game: "a" })).rejects.toThrow("holds a run that is finished");
});

test("one training at a time uses a folder; that of a process that is gone leaves it free", async () => {
  const path = place();
  const lock = join(path, "run.lock");
  writeFileSync(lock, String(process.ppid));
  const another = `another training, process ${process.ppid}, goes on in ${path}`;
  await expect(begin(path, { game: "a" })).rejects.toThrow(another);
  await expect(begin(path, { game: "a" }, true)).rejects.toThrow(another);
  expect(readdirSync(path)).toEqual(["run.lock"]);
  for (const gone of [String(spawnSync(process.execPath, ["--version"]).pid), "", "of old"]) {
    writeFileSync(lock, gone);
    await begin(path, { game: "a" });
    expect(readFileSync(lock, "utf8")).toBe(String(process.pid));
  }
  await expect(begin(path, { game: "b" })).resolves.toMatchObject({ resumed: false });
});
