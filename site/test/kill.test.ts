import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { openDatabase } from "../src/lib/server/db.ts";
import { submission } from "../src/lib/server/schema.ts";
import { setUp, Visitor } from "./people.ts";
import { startSite } from "./server.ts";

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const folder = mkdtempSync(join(tmpdir(), "gradus-kill-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Hands in until the connection breaks, and keeps the texts that were acknowledged. */
async function handIn(url: string, name: string, acknowledged: string[]): Promise<void> {
  const learner = new Visitor(url);
  for (let i = 0; ; i++) {
    const source = `// ${name}, ${i}`;
    try {
      if (i === 0) await learner.signUp(name);
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
      // Only a broken connection ends it quietly: the site was killed.
      if (!(error instanceof TypeError)) throw error;
      return;
    }
  }
}

test("a site killed in the middle of writes, again and again, starts again and has every submission that it acknowledged", async () => {
  const acknowledged: string[] = [];
  for (const round of [1, 2, 3]) {
    const site = await startSite({ folder, env: { GRADUS_RATE_LIMIT: "off" } });
    if (round === 1) await setUp(site.url, site.token);
    const before = acknowledged.length;
    const learners = Promise.all(Array.from({ length: 6 }, (_, i) => handIn(site.url, `Learner ${round}-${i}`, acknowledged)));
    // Not before there is something to lose, however slow the machine.
    const underWay = async () => {
      while (acknowledged.length < before + 6) await sleep(20);
      await sleep(700 * Math.random());
    };
    await Promise.race([underWay(), learners]);
    await site.stop("SIGKILL");
    await learners;
    expect(acknowledged.length).toBeGreaterThan(before + 5);
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
});

test("a second process on the same data folder is refused with a sentence", async () => {
  const site = await startSite({ folder });
  try {
    await expect(startSite({ folder })).rejects.toThrow(/in use by process \d+\. Stop it, choose another folder with GRADUS_DATA/);
  } finally {
    await site.stop();
  }
});

test("settings of grading that make no sense are a sentence at the start", async () => {
  await expect(startSite({ env: { GRADUS_JAIL: "docker" } })).rejects.toThrow(/GRADUS_JAIL is "docker". It should be best, bubblewrap/);
  await expect(startSite({ env: { GRADUS_GRADERS: "many" } })).rejects.toThrow(/GRADUS_GRADERS should be a whole number from 1 to 64/);
});
