import { dev } from "$app/env";
import { siteUrl } from "./links.ts";

let registered: Promise<unknown> | null = null;

/**
 * Starts the service worker, which keeps visited pages for when there is no network. It is told which page is shown, and what it has loaded;
 * `everything`, at the first run of a cell, keeps all that pages can need: nobody else pays for it.
 */
export async function keepForOffline(everything = false): Promise<void> {
  if (dev || !("serviceWorker" in navigator)) return;
  try {
    registered ??= navigator.serviceWorker.register(siteUrl("service-worker.js"), { type: "module" });
    await registered;
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
    active?.postMessage({ type: "keep", everything, urls: [location.href, ...loaded] });
  } catch (error) {
    console.warn(`Pages will not be kept for offline use: ${error instanceof Error ? error.message : String(error)}`);
  }
}
