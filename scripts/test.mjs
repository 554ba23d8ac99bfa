// `npm test`: types, lint and format, unused code, unit tests, browser tests. Arguments go to Vitest.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { install, pinnedNode, root } from "./setup.mjs";

install();
const scratch = mkdtempSync(join(tmpdir(), "gradus-test-"));
const vitestResults = join(scratch, "vitest.json");
const browserResults = join(scratch, "browser.json");
const bin = (name) => `node_modules/.bin/${name}`;

const steps = [
  { name: "browser and software GPU", command: [pinnedNode, "scripts/system.ts"] },
  { name: "types", command: [bin("tsc"), "-p", "tsconfig.json"] },
  { name: "the site builds", command: [pinnedNode, "scripts/build-site.ts"] },
  { name: "types of the site", command: ["site/node_modules/.bin/svelte-check", "--workspace", "site", "--threshold", "warning"] },
  { name: "lint and format", command: [bin("biome"), "check", "--error-on-warnings", "."] },
  { name: "unused code", command: [bin("knip")] },
  {
    name: "unit tests",
    command: [
      pinnedNode,
      "node_modules/vitest/vitest.mjs",
      "run",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${vitestResults}`,
      ...process.argv.slice(2),
    ],
    results: vitestResults,
    count: (r) => [r.numPassedTests, r.numFailedTests, r.numPendingTests],
  },
  {
    name: "browser tests",
    command: [pinnedNode, "scripts/browser-tests.mjs", browserResults],
    results: browserResults,
    count: (r) => [r.passed, r.failed, r.skipped],
  },
];

const total = [0, 0, 0];
const broken = [];
for (const { name, command, results, count } of steps) {
  const start = Date.now();
  console.log(`\n── ${name}`);
  const env = { ...process.env, PATH: `${join(root, "node_modules/.bin")}:${process.env.PATH}` };
  const { status } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: "inherit", env });
  if (status !== 0) broken.push(name);
  console.log(`── ${name}: ${status === 0 ? "passed" : "FAILED"} in ${((Date.now() - start) / 1000).toFixed(1)} s`);
  if (!results) continue;
  try {
    count(JSON.parse(readFileSync(results, "utf8"))).forEach((n, i) => {
      total[i] += n;
    });
  } catch {
    if (!broken.includes(name)) broken.push(name);
  }
}
rmSync(scratch, { recursive: true, force: true });
if (broken.length) console.log(`\nFailed: ${broken.join(", ")}`);
// A step that failed without a failing test counts as one failure, so that the last line never looks green by mistake.
const failed = total[1] || broken.length;
console.log(`\n${total[0]} passed, ${failed} failed, ${total[2]} skipped`);
process.exit(broken.length ? 1 : 0);
