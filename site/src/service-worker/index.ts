// Pages that were visited, and what they need, work without a network.
import { version } from "$app/env";
import { immutable, prerendered } from "$app/manifest";
import { self as worker } from "$app/service-worker";
import sandbox from "../lib/generated/sandbox.json";

const isOurs = (name: string): boolean => name.startsWith("gradus-");
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

const isPage = (path: string): boolean => pages.has(path.replace(/\/$/, "") || "/");

/** The engine for cells, whose address changes with it. */
const isSandbox = (url: URL): boolean => url.pathname.startsWith(`${base}/sandbox/`) && url.searchParams.has("v");

// The worker of the version before serves its pages until those read so far are here in this version.
worker.addEventListener("install", (event) => {
  event.waitUntil(
    takeOver()
      .catch(() => {})
      .then(() => worker.skipWaiting()),
  );
});

/** Brings what earlier versions have kept into this one: files that are the same, and pages as they are now. */
async function takeOver(): Promise<void> {
  const cache = await caches.open(cacheName);
  for (const name of await caches.keys()) {
    if (!isOurs(name) || name === cacheName) continue;
    const old = await caches.open(name);
    const kept = (await old.keys()).map((request) => ({ request, url: new URL(request.url) }));
    for (const { request, url } of kept)
      if (unchanging.has(url.pathname)) {
        const response = await old.match(request);
        if (response && !(await cache.match(request))) await cache.put(request, response);
      }
    const read = kept.map(({ url }) => url.pathname).filter(isPage);
    for (const path of new Set(read)) await keepPage(cache, path);
    // Whoever has run cells can do so with this version too.
    const parts = new Set(kept.filter(({ url }) => isSandbox(url)).map(({ url }) => url.pathname.split("/").at(-1)!));
    if (!parts.size) continue;
    for (const file of parts) await keep(cache, `${base}/sandbox/${file}?v=${sandbox.version}`);
    for (const path of first) await keep(cache, path);
  }
}

/** Fetches what is not there yet; what cannot be fetched now is kept at its next use. */
async function keep(cache: Cache, path: string): Promise<void> {
  if (await cache.match(path)) return;
  if (isPage(path)) await keepPage(cache, path);
  else await cache.add(path).catch(() => {});
}

/** A page, its data, and the files that it names. */
async function keepPage(cache: Cache, path: string): Promise<void> {
  const response = await fetch(path).catch(() => null);
  if (!response?.ok || response.redirected) return;
  await cache.put(path, response.clone());
  const names = (await response.text()).match(/_app\/immutable\/[\w./-]+\.(?:js|css)/g) ?? [];
  await Promise.all([...new Set(names)].map((file) => keep(cache, `${base}/${file}`)));
}

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
  event.waitUntil(caches.open(cacheName).then((cache) => Promise.all([...wanted].map((path) => keep(cache, path)))));
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (isOurs(name) && name !== cacheName) await caches.delete(name);
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
