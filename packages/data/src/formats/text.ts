import { FormatError } from "@gradus/tensor";
import { type ByteSource, chunks, type ReadOptions, readBytes } from "./source.ts";

export interface LinesOptions extends ReadOptions {
  /** Refuse longer lines: a file without line ends would be held whole. Default 16 million characters. */
  readonly maxLength?: number;
}

/** The text of a source. Throws FormatError for bytes that are not UTF-8. */
export async function readText(source: ByteSource, options: ReadOptions = {}): Promise<string> {
  return decode(new TextDecoder("utf-8", { fatal: true }), await readBytes(source, options), false);
}

/**
 * The lines of a text one by one, without their ends (\n or \r\n), holding one chunk in memory.
 * @example
 * for await (const line of lines("one\ntwo\n")) console.log(line);
 */
export async function* lines(source: ByteSource | string, options: LinesOptions = {}): AsyncGenerator<string> {
  const { maxLength = 2 ** 24 } = options;
  let rest = "";
  for await (const piece of texts(source, options)) {
    const parts = (rest + piece).split("\n");
    rest = parts.pop()!;
    if (rest.length > maxLength) throw new FormatError("lines", `a line is longer than ${maxLength} characters`, "Is this a text file?");
    for (const line of parts) yield line.endsWith("\r") ? line.slice(0, -1) : line;
  }
  if (rest) yield rest;
}

/** The text of a source piece by piece, of any sizes. */
export async function* texts(source: ByteSource | string, options: ReadOptions): AsyncGenerator<string> {
  if (typeof source === "string") {
    yield source;
    return;
  }
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for await (const chunk of chunks(source, options)) yield decode(decoder, chunk, true);
  yield decode(decoder, new Uint8Array(0), false);
}

function decode(decoder: TextDecoder, bytes: Uint8Array, stream: boolean): string {
  try {
    return decoder.decode(bytes, { stream });
  } catch {
    throw new FormatError("text", "the bytes are not UTF-8", "Convert the file to UTF-8");
  }
}
