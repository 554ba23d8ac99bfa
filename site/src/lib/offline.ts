import { dev } from "$app/env";
import { siteUrl } from "./links.ts";

/** Starts the service worker, which keeps visited pages for when there is no network. Without one all else works. */
export async function keepForOffline(): Promise<void> {
  if (dev || !("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(siteUrl("service-worker.js"), { type: "module" });
  } catch (error) {
    console.warn(`Pages will not be kept for offline use: ${error instanceof Error ? error.message : String(error)}`);
  }
}
