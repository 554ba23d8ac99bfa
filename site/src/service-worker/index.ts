// Pages that were visited, and what they need, work without a network.
import { version } from "$app/env";
import { immutable, prerendered } from "$app/manifest";
import { self as worker } from "$app/service-worker";

const cacheName = `gradus-${version}`;
const scope = new URL(worker.registration?.scope ?? worker.location.href);
const base = scope.pathname.replace(/\/$/, "");

/** Files whose names change with their contents. Fonts come when they are used. */
const files = immutable.map((f) => `${base}/${f.path.replace(/^\//, "")}`);
const first = files.filter((path) => /\.(js|css)$/.test(path));
const unchanging = new Set(files);
/** Pages that are the same for everybody; others are never kept. */
const pages = new Set(prerendered.map((p) => `${base}/${p.path.replace(/^\//, "")}`.replace(/\/$/, "") || "/"));

worker.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(cacheName);
      await Promise.all(first.map((path) => cache.add(path).catch(() => {})));
      await worker.skipWaiting();
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
  if (unchanging.has(url.pathname) || (url.pathname.startsWith(`${base}/sandbox/`) && url.searchParams.has("v"))) {
    event.respondWith(cacheFirst(request));
    return;
  }
  const page = url.pathname.replace(/\/__data\.json$/, "").replace(/\/$/, "") || "/";
  if (pages.has(page) || /\/(icon\.svg|manifest\.webmanifest|files\/[^/]+)$/.test(url.pathname)) event.respondWith(networkFirst(request));
});
