import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { openDatabase } from "../src/lib/server/db.ts";
import { submission } from "../src/lib/server/schema.ts";
import { setUp, Visitor } from "./people.ts";
import { startSite } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "gradus-kill-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Hands in until the connection breaks; gives the texts that were acknowledged. */
async function handIn(url: string, name: string): Promise<string[]> {
  const learner = new Visitor(url);
  await learner.signUp(name);
  const acknowledged: string[] = [];
  for (let i = 0; ; i++) {
    const source = `// ${name}, ${i}`;
    try {
      const body = {
        lesson: "01-arrays",
        exercise: "largest-entry",
        sources: { "largest-entry": source },
        results: [],
        sawSolution: false,
      };
      const response = await learner.post("/api/submissions", body);
      if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`);
      await response.json();
      acknowledged.push(source);
    } catch (error) {
      if (/^\d/.test((error as Error).message)) throw error;
      return acknowledged;
    }
  }
}

test("a site killed in the middle of writes, again and again, starts again and has every submission that it acknowledged", async () => {
  const acknowledged: string[] = [];
  for (const round of [1, 2, 3]) {
    const site = await startSite({ folder, env: { GRADUS_RATE_LIMIT: "off" } });
    if (round === 1) await setUp(site.url, site.token);
    const learners = Array.from({ length: 6 }, (_, i) => handIn(site.url, `Learner ${round}-${i}`));
    await new Promise((resolve) => setTimeout(resolve, 1500 + 700 * Math.random()));
    await site.stop("SIGKILL");
    const lists = await Promise.all(learners);
    expect(lists.flat().length).toBeGreaterThan(5);
    acknowledged.push(...lists.flat());
  }
  process.env["GRADUS_MIGRATIONS"] = fileURLToPath(new URL("../migrations", import.meta.url));
  const database = await openDatabase("", folder);
  try {
    const rows = await database.db.select({ sources: submission.sources }).from(submission);
    const kept = new Set(rows.map((r) => (r.sources as Record<string, string>)["largest-entry"]));
    expect(acknowledged.filter((source) => !kept.has(source))).toEqual([]);
  } finally {
    await database.close();
  }
}, 90_000);

test("a second process on the same data folder is refused with a sentence", async () => {
  const site = await startSite({ folder });
  try {
    await expect(startSite({ folder })).rejects.toThrow(/in use by process \d+\. Stop it, choose another folder with GRADUS_DATA/);
  } finally {
    await site.stop();
  }
}, 60_000);
