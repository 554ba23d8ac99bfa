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
