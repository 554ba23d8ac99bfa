/**
 * What tuning found, kept between sessions: in Node.js a file in the user's cache folder, in a page the browser's cache.
 * Where neither can be used (a sandboxed frame, a read-only disk) every session finds out anew.
 */
export type TuningRecord = Readonly<Record<string, unknown>>;

const cacheName = "gradus";
const address = "/gradus-webgpu-tuning.json";

const isNode = (): boolean => Boolean((globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node);

async function place(): Promise<{ folder: string; file: string }> {
  const [{ homedir }, { join }] = await Promise.all([import("node:os"), import("node:path")]);
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "gradus");
  return { folder, file: join(folder, "webgpu-tuning.json") };
}

async function read(): Promise<string | null> {
  if (isNode()) {
    const { readFile } = await import("node:fs/promises");
    return readFile((await place()).file, "utf8");
  }
  const cache = await caches.open(cacheName);
  return (await (await cache.match(address))?.text()) ?? null;
}

async function write(text: string): Promise<void> {
  if (isNode()) {
    const { mkdir, rename, writeFile } = await import("node:fs/promises");
    const { folder, file } = await place();
    await mkdir(folder, { recursive: true });
    const aside = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
    await writeFile(aside, text);
    await rename(aside, file);
    return;
  }
  const cache = await caches.open(cacheName);
  await cache.put(address, new Response(text, { headers: { "Content-Type": "application/json" } }));
}

/** Everything on record; nothing where there is no record, or none that can be read. */
export async function loadRecord(): Promise<TuningRecord> {
  try {
    const value: unknown = JSON.parse((await read()) ?? "{}");
    return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as TuningRecord) : {};
  } catch {
    return {};
  }
}

let writing: Promise<void> = Promise.resolve();

/** Adds an entry to the record, after those before it. */
export function saveRecord(key: string, value: unknown): Promise<void> {
  writing = writing.then(async () => {
    try {
      await write(`${JSON.stringify({ ...(await loadRecord()), [key]: value }, null, 1)}\n`);
    } catch {} // then every session finds out anew
  });
  return writing;
}
