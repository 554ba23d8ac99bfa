// Runs every *.browser.test.ts in a real Chromium, in a cross-origin isolated page and in one that is not.
// A test file exports by default an object from sentences to (async) functions that throw when the sentence is false.
import { globSync, writeFileSync } from "node:fs";
import { launchBrowser, serve } from "./browser.ts";
import { root } from "./setup.mjs";

const files = globSync("packages/*/{src,test}/**/*.browser.test.ts", { cwd: root }).sort();
const results = { passed: 0, failed: 0, skipped: 0 };
const browser = await launchBrowser().catch((error) => {
  console.error(error.message);
  process.exit(1);
});

for (const isolated of [true, false]) {
  const server = await serve(isolated);
  for (const file of files) {
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.log(`  page error: ${error.message}`));
    await page.goto(server.url);
    const outcome = await page
      .evaluate(
        async ([url, wanted]) => {
          if (globalThis.crossOriginIsolated !== wanted)
            return [{ name: "the page is isolated as asked", error: `crossOriginIsolated is ${globalThis.crossOriginIsolated}` }];
          const tests = (await import(url)).default;
          const found = [];
          for (const [name, test] of Object.entries(tests)) {
            const begin = performance.now();
            const error = await Promise.resolve()
              .then(test)
              .then(
                () => undefined,
                (reason) => String(reason?.stack ?? reason),
              );
            found.push({ name, error, seconds: (performance.now() - begin) / 1000 });
          }
          return found;
        },
        [`/${file}`, isolated],
      )
      .catch((error) => [{ name: "the file runs", error: String(error) }]);
    for (const { name, error, seconds = 0 } of outcome) {
      results[error ? "failed" : "passed"]++;
      console.log(
        `  ${error ? "✗" : "✓"} ${isolated ? "isolated" : "not isolated"}: ${name}${seconds > 1 ? ` (${seconds.toFixed(1)} s)` : ""}${error ? `\n${error}` : ""}`,
      );
    }
    await page.close();
  }
  await server.close();
}
await browser.close();
if (process.argv[2]) writeFileSync(process.argv[2], JSON.stringify(results));
if (!files.length || results.passed === 0) {
  console.error("No browser test ran.");
  process.exit(1);
}
process.exit(results.failed ? 1 : 0);
