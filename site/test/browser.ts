import type { Browser, BrowserContext, BrowserContextOptions } from "playwright-core";
import { patience } from "./server.ts";

/**
 * A browser profile of its own, without the editor's types: they take seconds of processor time on every page where something is
 * written, and are editor.test.ts's and guest.test.ts's.
 */
export async function profile(browser: Browser, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(patience);
  await context.addInitScript(() => {
    const { Worker } = globalThis;
    // A worker that is not there is told to the page as one that does not start.
    globalThis.Worker = class extends Worker {
      constructor(url: string | URL, more?: WorkerOptions) {
        super(more?.name === "types" ? "/no-types-in-this-test.js" : url, more);
      }
    };
  });
  return context;
}

/**
 * Lets cells of these pages have one thread: where several pages run, their threads would wait for each other. What cells compute does
 * not depend on the number of threads.
 */
export async function runOnOneThread(context: BrowserContext): Promise<void> {
  await context.route("**/sandbox/kernel.js*", async (route) => {
    const response = await route.fetch();
    const body = `Object.defineProperty(navigator, "hardwareConcurrency", { value: 1 });\n${await response.text()}`;
    await route.fulfill({ response, body });
  });
}
