import { launchBrowser, serve } from "../scripts/browser.ts";
import type { Timing, Where } from "./timing.ts";

/** Times ours in an isolated page of Chromium; a workload that fails gives its error. */
export async function timeInPage(names: readonly string[], where: Where): Promise<Timing[]> {
  const peer = "gradus-chromium";
  const browser = await launchBrowser().catch((error: Error) => error.message);
  if (typeof browser === "string") return names.map((name) => ({ peer, name, error: browser }));
  const server = await serve(true);
  const found: Timing[] = [];
  for (const name of names) {
    const page = await browser.newPage();
    await page.goto(server.url);
    const timing = await page
      .evaluate(
        async ([file, name, where]) => {
          const { startAndTime } = (await import(file)) as typeof import("./timing.ts");
          return startAndTime(name, where);
        },
        ["/bench/timing.ts", name, where] as const,
      )
      .catch((error: Error) => ({ name, error: error.message.split("\n")[0]! }));
    found.push({ ...timing, peer });
    await page.close();
  }
  await browser.close();
  await server.close();
  return found;
}
