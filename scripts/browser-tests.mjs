// Runs every *.browser.test.ts in a real Chromium, in a cross-origin isolated page and in one that is not.
// A test file exports by default an object from sentences to (async) functions that throw when the sentence is false.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, globSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { root } from "./setup.mjs";

const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const places = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

function findBrowser() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const folder of (process.env.PATH ?? "").split(delimiter))
    for (const name of names) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {}
    }
  return places.find((p) => existsSync(p));
}

/** Installs Debian's Chromium where this user may. */
function installBrowser() {
  const debian = existsSync("/etc/debian_version");
  const asRoot = process.getuid?.() === 0;
  const sudo = !asRoot && spawnSync("sudo", ["-n", "true"]).status === 0;
  if (!debian || !(asRoot || sudo)) return;
  console.log("Installing Debian's chromium ...");
  const apt = (...args) =>
    spawnSync(asRoot ? "apt-get" : "sudo", asRoot ? args : ["apt-get", ...args], {
      stdio: "ignore",
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  apt("update");
  apt("install", "-y", "--no-install-recommends", "chromium");
}

let executablePath = findBrowser();
if (!executablePath) {
  installBrowser();
  executablePath = findBrowser();
}
if (!executablePath) {
  console.error("No browser found: install Chrome or Chromium, or name its program in the environment variable CHROMIUM.");
  process.exit(1);
}

const { createServer } = await import("vite");
const { chromium } = await import("playwright-core");
const files = globSync("packages/*/{src,test}/**/*.browser.test.ts", { cwd: root }).sort();
const results = { passed: 0, failed: 0, skipped: 0 };
const flags =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(
    " ",
  );
const browser = await chromium.launch({ executablePath, args: flags });

for (const isolated of [true, false]) {
  const headers = isolated ? { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" } : {};
  const testPage = {
    name: "test-page",
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        if (request.url !== "/test-page") return next();
        for (const [key, value] of Object.entries(headers)) response.setHeader(key, value);
        response.setHeader("Content-Type", "text/html").end("<!doctype html><title>Gradus tests</title>");
      });
    },
  };
  const server = await createServer({
    root,
    configFile: false,
    logLevel: "error",
    server: { headers, hmr: false, host: "127.0.0.1" },
    plugins: [testPage],
    optimizeDeps: { noDiscovery: true },
    appType: "custom",
  });
  await server.listen();
  const address = `http://127.0.0.1:${server.httpServer.address().port}`;
  for (const file of files) {
    const page = await browser.newPage();
    page.on("pageerror", (error) => console.log(`  page error: ${error.message}`));
    await page.goto(`${address}/test-page`);
    const outcome = await page
      .evaluate(
        async ([url, wanted]) => {
          if (globalThis.crossOriginIsolated !== wanted)
            return [{ name: "the page is isolated as asked", error: `crossOriginIsolated is ${globalThis.crossOriginIsolated}` }];
          const tests = (await import(url)).default;
          const found = [];
          for (const [name, test] of Object.entries(tests)) {
            try {
              await test();
              found.push({ name });
            } catch (error) {
              found.push({ name, error: String(error?.stack ?? error) });
            }
          }
          return found;
        },
        [`/${file}`, isolated],
      )
      .catch((error) => [{ name: "the file runs", error: String(error) }]);
    for (const { name, error } of outcome) {
      results[error ? "failed" : "passed"]++;
      console.log(`  ${error ? "✗" : "✓"} ${isolated ? "isolated" : "not isolated"}: ${name}${error ? `\n${error}` : ""}`);
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
