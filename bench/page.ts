import { launchBrowser, serve } from "../scripts/browser.ts";
import type { Timing, Where } from "./timing.ts";

type Page = Awaited<ReturnType<Awaited<ReturnType<typeof launchBrowser>>["newPage"]>>;

/** Does each piece of work in an isolated page of Chromium of its own; one that fails gives its error's first line. */
export async function inPages<T>(work: readonly ((page: Page, url: string) => Promise<T>)[]): Promise<(T | string)[]> {
  const browser = await launchBrowser().catch((error: Error) => error.message);
  if (typeof browser === "string") return work.map(() => browser);
  const server = await serve(true);
  const found: (T | string)[] = [];
  for (const f of work) {
    const page = await browser.newPage();
    found.push(await f(page, server.url).catch((error: Error) => error.message.split("\n")[0]!));
    await page.close();
  }
  await browser.close();
  await server.close();
  return found;
}

/** Times ours in an isolated page of Chromium; a workload that fails gives its error. */
export async function timeInPage(names: readonly string[], where: Where): Promise<Timing[]> {
  const peer = "gradus-chromium";
  const found = await inPages(
    names.map((name) => async (page, url) => {
      await page.goto(url);
      return page.evaluate(
        async ([file, name, where]) => {
          const { startAndTime } = (await import(file)) as typeof import("./timing.ts");
          return startAndTime(name, where);
        },
        ["/bench/timing.ts", name, where] as const,
      );
    }),
  );
  return found.map((timing, i) => (typeof timing === "string" ? { peer, name: names[i]!, error: timing } : { ...timing, peer }));
}
