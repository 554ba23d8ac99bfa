// Pages that were visited, and what they need, work without a network.
import { version } from "$app/env";
import { immutable, prerendered } from "$app/manifest";
import { self as worker } from "$app/service-worker";

const cacheName = `gradus-${version}`;
const scope = new URL(worker.registration?.scope ?? worker.location.href);
const base = scope.pathname.replace(/\/$/, "");

/** Files whose names change with their contents. Fonts come when they are used. */
const files = immutable.map((f) => `${base}/${f.path.replace(/^\//, "")}`);
const first = files.filter((path) => /\.(js|css)$/.test(path) && !path.includes("worker"));
const unchanging = new Set(files);
/** The path of a page, also of its data. */
const pageOf = (path: string): string => path.replace(/\/__data\.json$/, "").replace(/\/$/, "") || "/";
/** Pages that are the same for everybody; others are never kept. */
const pages = new Set(prerendered.map((p) => `${base}/${p.path.replace(/^\//, "")}`.replace(/\/$/, "") || "/"));

/** The engine for cells, whose address changes with it. */
const isSandbox = (url: URL): boolean => url.pathname.startsWith(`${base}/sandbox/`) && url.searchParams.has("v");

worker.addEventListener("install", () => void worker.skipWaiting());

/** What a page has told us to keep. */
worker.addEventListener("message", (event) => {
  const { type, everything, urls } = (event.data ?? {}) as { type?: unknown; everything?: unknown; urls?: unknown };
  if (type !== "keep" || !Array.isArray(urls)) return;
  const seen = urls.map((url) => new URL(String(url))).filter((url) => url.origin === worker.location.origin);
  const wanted = new Set([
    ...seen.map((url) => url.pathname).filter((path) => unchanging.has(path) || pages.has(pageOf(path))),
    ...seen.filter(isSandbox).map((url) => url.pathname + url.search),
    ...(everything ? first : []),
  ]);
  event.waitUntil(
    (async () => {
      const cache = await caches.open(cacheName);
      const missing = await Promise.all([...wanted].map(async (path) => ((await cache.match(path)) ? [] : [path])));
      await Promise.all(missing.flat().map((path) => cache.add(path).catch(() => {})));
    })(),
  );
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name.startsWith("gradus-") && name !== cacheName) await caches.delete(name);
      await worker.clients.claim();
    })(),
  );
});

/** Kept for ever once it is here. */
async function cacheFirst(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  const known = await cache.match(request);
  if (known) return known;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

/** The newest where there is a network, else the last that was seen. */
async function networkFirst(request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  try {
    const response = await fetch(request);
    if (response.ok && !response.redirected) await cache.put(request, response.clone());
    return response;
  } catch (error) {
    const known = await cache.match(request, { ignoreSearch: true });
    if (known) return known;
    throw error;
  }
}

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== worker.location.origin) return;
  if (unchanging.has(url.pathname) || isSandbox(url)) {
    event.respondWith(cacheFirst(request));
    return;
  }
  if (pages.has(pageOf(url.pathname)) || /\/(icon\.svg|search\.json|manifest\.webmanifest|files\/[^/]+)$/.test(url.pathname))
    event.respondWith(networkFirst(request));
});
