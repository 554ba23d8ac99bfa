import { ArgumentError, FormatError } from "@gradus/tensor";

/** Where bytes come from: themselves, a Blob or File, the body of a response, or anything that yields chunks. */
export type ByteSource = Uint8Array | ArrayBuffer | Blob | Response | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

export interface ReadOptions {
  /** Refuse more bytes than this, after unpacking: what a few packed bytes may grow to. Default 2 GiB. */
  readonly maxBytes?: number;
}

const defaultMaxBytes = 2 ** 31;

/** The bytes of a source chunk by chunk; gzip, known by its first bytes, is unpacked on the way. */
export async function* chunks(source: ByteSource, { maxBytes = defaultMaxBytes }: ReadOptions = {}): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const chunk of gunzipped(rawChunks(source))) {
    total += chunk.length;
    if (total > maxBytes) throw new FormatError("read", `the data hold more than ${maxBytes} bytes`, "Raise maxBytes if that is expected");
    yield chunk;
  }
}

/** All bytes of a source, unpacked if they are gzip. */
export async function readBytes(source: ByteSource, options: ReadOptions = {}): Promise<Uint8Array> {
  if (source instanceof ArrayBuffer) source = new Uint8Array(source);
  if (source instanceof Uint8Array && !isGzip(source)) return source;
  const list: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks(source, options)) {
    list.push(chunk);
    size += chunk.length;
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const chunk of list) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

const isGzip = (head: Uint8Array): boolean => head[0] === 0x1f && head[1] === 0x8b;

async function* rawChunks(source: ByteSource): AsyncGenerator<Uint8Array> {
  if (source instanceof Uint8Array) yield source;
  else if (source instanceof ArrayBuffer) yield new Uint8Array(source);
  else if (typeof Response !== "undefined" && source instanceof Response) {
    if (!source.ok) throw new FormatError("read", `${source.url} answered ${source.status} ${source.statusText}`);
    if (source.body) yield* streamChunks(source.body);
  } else if (source instanceof Blob) yield* streamChunks(source.stream());
  else if (source instanceof ReadableStream) yield* streamChunks(source);
  else if (typeof source === "object" && source !== null && Symbol.asyncIterator in source) yield* source;
  else
    throw new ArgumentError(
      "read",
      `a ${typeof source} holds no bytes`,
      "Give bytes, a Blob, a Response or a stream; for paths use @gradus/data/node",
    );
}

/** Not every browser iterates streams. */
async function* streamChunks(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function* gunzipped(source: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head = new Uint8Array(0);
  while (head.length < 2) {
    const { done, value } = await source.next();
    if (done) break;
    const joined = new Uint8Array(head.length + value.length);
    joined.set(head);
    joined.set(value, head.length);
    head = joined;
  }
  if (!isGzip(head)) {
    if (head.length) yield head;
    yield* source;
    return;
  }
  const packed = new ReadableStream<BufferSource>({
    start: (controller) => controller.enqueue(head),
    async pull(controller) {
      const { done, value } = await source.next();
      if (done) controller.close();
      else controller.enqueue(value as Uint8Array<ArrayBuffer>);
    },
    cancel: async () => void (await source.return(undefined)),
  });
  try {
    yield* streamChunks(packed.pipeThrough(new DecompressionStream("gzip")));
  } catch (error) {
    if (error instanceof FormatError) throw error;
    throw new FormatError("gunzip", (error as Error).message || "it cannot be unpacked", "The file may be truncated or damaged");
  }
}
