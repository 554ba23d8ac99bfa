// Set-up shared by `npm start`, `npm test` and `npm run bench`: runs on whatever Node.js the machine has (18 or newer).
import { spawnSync } from "node:child_process";
import { existsSync, statSync, utimesSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
/** The Node.js that the project pins, installed next to it. */
export const pinnedNode = `${root}node_modules/node/bin/node`;

/** Installs what package-lock.json names when that has not been done since the file changed. */
export function install() {
  const lock = `${root}package-lock.json`;
  const mark = `${root}node_modules/.package-lock.json`;
  const fresh = existsSync(mark) && existsSync(pinnedNode) && statSync(mark).mtimeMs >= statSync(lock).mtimeMs;
  if (fresh) return;
  console.error("Installing dependencies (npm install) ...");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  // Not `npm ci`: it insists that the lock file names the binaries of every platform, and some are not to be had everywhere.
  const { status } = spawnSync(npm, ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) {
    console.error("npm install failed: check the network and the free space on the disk, then try again.");
    process.exit(1);
  }
  utimesSync(mark, new Date(), new Date());
}

/** Runs a program on the pinned Node.js and returns its exit status. */
export function run(args, options = {}) {
  const env = { ...process.env, PATH: `${root}node_modules/.bin:${process.env.PATH}`, ...options.env };
  const { status, error } = spawnSync(pinnedNode, args, { cwd: root, stdio: "inherit", ...options, env });
  if (error) console.error(String(error));
  return status ?? 1;
}
