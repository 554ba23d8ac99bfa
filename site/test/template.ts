import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openDatabase } from "../src/lib/server/db.ts";

/**
 * Before the site's tests: the data folder of a new site, of which tests take copies (`newData`), since making a database takes seconds
 * of processor time. Made as learners' sites make theirs it is here, and by kill.test.ts.
 */
export default async function setup(): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), "gradus-template-"));
  process.env["GRADUS_MIGRATIONS"] = fileURLToPath(new URL("../migrations", import.meta.url));
  const { close } = await openDatabase("", folder);
  await close();
  delete process.env["GRADUS_MIGRATIONS"];
  process.env["GRADUS_TEST_TEMPLATE"] = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
