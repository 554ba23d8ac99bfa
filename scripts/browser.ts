// A real browser on pages of this repository, served by Vite: for the browser tests and for timing in a page.
import { accessSync, constants, existsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import type { ViteDevServer } from "vite";
import { installPackages } from "./system.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

// The headless shell first: the same engine without windows, menus and the services of a whole browser, which take processor time.
const names = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const places = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

function findBrowser(): string | undefined {
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

/** Starts an installed Chrome or Chromium, or installs one first; `more` are flags. Throws with one sentence where there is none. */
export async function launchBrowser(more: readonly string[] = []): Promise<Browser> {
  let executablePath = findBrowser();
  if (!executablePath) {
    installPackages("chromium-headless-shell");
    executablePath = findBrowser();
  }
  if (!executablePath)
    throw new Error("No browser found: install Chrome or Chromium, or name its program in the environment variable CHROMIUM.");
  const { chromium } = await import("playwright-core");
  const flags =
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync " +
    "--enable-unsafe-webgpu --use-webgpu-adapter=swiftshader";
  return chromium.launch({ executablePath, args: [...flags.split(" "), ...more] });
}

/** Serves the repository's files and an empty page `url`, cross-origin isolated or not. */
export async function serve(isolated: boolean): Promise<{ url: string; close: () => Promise<void> }> {
  const { createServer } = await import("vite");
  const headers: Record<string, string> = isolated
    ? { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }
    : {};
  const emptyPage = {
    name: "empty-page",
    configureServer(server: ViteDevServer) {
      server.middlewares.use((request, response, next) => {
        if (request.url !== "/empty-page") return next();
        for (const [key, value] of Object.entries(headers)) response.setHeader(key, value);
        response.setHeader("Content-Type", "text/html").end("<!doctype html><title>Gradus</title>");
      });
    },
  };
  const server = await createServer({
    root,
    configFile: false,
    logLevel: "error",
    server: { headers, hmr: false, host: "127.0.0.1" },
    plugins: [emptyPage],
    optimizeDeps: { noDiscovery: true, include: ["papaparse"] },
    appType: "custom",
  });
  await server.listen();
  return { url: `http://127.0.0.1:${(server.httpServer!.address() as AddressInfo).port}/empty-page`, close: () => server.close() };
}
