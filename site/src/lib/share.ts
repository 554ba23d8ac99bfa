import { fromScript, type NotebookDocument, toScript } from "@gradus/course/notebooks";

/** Longest link that is made; longer ones are cut by mail programs and servers. */
const longest = 60_000;

const toBase64Url = (bytes: Uint8Array): string => {
  let binary = "";
  for (const b of bytes) binary += String.fromCharCode(b);
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
};

const through = async (
  bytes: Uint8Array<ArrayBuffer>,
  stream: CompressionStream | DecompressionStream,
  most: number,
): Promise<Uint8Array> => {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) throw new Error("The link holds more than a notebook may.");
    parts.push(value);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

/** A notebook as the part of a link after #, which no server sees. */
export async function toFragment(notebook: NotebookDocument): Promise<string> {
  const bytes = new TextEncoder().encode(toScript(notebook));
  const fragment = `#n=${toBase64Url(await through(bytes, new CompressionStream("deflate-raw"), 10_000_000))}`;
  if (fragment.length > longest)
    throw new Error(`The notebook makes a link of ${fragment.length} characters, more than ${longest}. Export it as a file instead.`);
  return fragment;
}

/** The notebook in a link; null where there is none. Throws a sentence for a damaged one. */
export async function fromFragment(fragment: string): Promise<NotebookDocument | null> {
  const found = /^#n=([\w-]+)$/.exec(fragment);
  if (!found) return null;
  try {
    const binary = atob(found[1]!.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
    return fromScript(new TextDecoder().decode(await through(bytes, new DecompressionStream("deflate-raw"), 2_000_000)));
  } catch {
    throw new Error("The link is damaged: the notebook in it cannot be read.");
  }
}
