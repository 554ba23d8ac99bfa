// `npm run backup -- FILE` and `npm run restore -- FILE`: the whole site in one file, from and into either database.
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";

const [, , command = "", ...rest] = process.argv;
const help = `The whole site in one file: accounts, classes, work, questions. Packed text; it fits either database.

  npm run backup -- winter.backup               writes the file
  npm run restore -- winter.backup              into a new, empty database
  npm run restore -- winter.backup --replace    in place of what is there

GRADUS_DATA or DATABASE_URL say which database, as for npm start. The embedded database serves one process: while the site runs
on it, the administrator downloads the same file on the Administration page.`;

function given(): { file: string; replace: boolean } | null {
  try {
    const { values, positionals } = parseArgs({
      args: rest,
      allowPositionals: true,
      options: { replace: { type: "boolean", default: false }, help: { type: "boolean", short: "h" } },
    });
    return values.help || positionals.length !== 1 ? null : { file: positionals[0]!, replace: values.replace };
  } catch {
    return null;
  }
}

const asked = given();
if (!asked || !["backup", "restore"].includes(command)) {
  console.error(help);
  process.exit(rest.some((a) => a === "--help" || a === "-h") ? 0 : 1);
}
// As the site sees paths.
const file = resolve(process.env["INIT_CWD"] ?? process.cwd(), asked.file);
process.env["GRADUS_DATA"] = resolve(process.env["INIT_CWD"] ?? process.cwd(), process.env["GRADUS_DATA"] ?? "data");
process.chdir(resolve(import.meta.dirname, ".."));

try {
  const [{ openDatabase }, { backUp, restore }] = await Promise.all([
    import("../src/lib/server/db.ts"),
    import("../src/lib/server/backup.ts"),
  ]);
  const { db, place, close } = await openDatabase();
  try {
    if (command === "restore") console.log(`${await restore(db, file, asked)} rows are in ${place}.`);
    else {
      const handle = openSync(`${file}.tmp`, "wx", 0o600); // passwords' hashes are in it
      try {
        const rows = await backUp(db, async (bytes) => void writeSync(handle, bytes));
        fsyncSync(handle);
        closeSync(handle);
        renameSync(`${file}.tmp`, file);
        console.log(`${rows} rows of ${place} are in ${file}.`);
      } catch (error) {
        rmSync(`${file}.tmp`, { force: true });
        throw error;
      }
    }
  } finally {
    await close();
  }
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
