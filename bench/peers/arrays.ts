export interface Floats {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

interface Entry {
  readonly shape: readonly number[];
  readonly data_offsets: readonly [from: number, to: number];
}

/** The float32 arrays of a `.safetensors` file: read here, so that a peer's process loads nothing of Gradus. */
export function readArrays(bytes: Uint8Array): Readonly<Record<string, Floats>> {
  const start = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as Record<string, Entry>;
  const floats = ({ shape, data_offsets: [from, to] }: Entry): Floats => ({
    shape,
    data: new Float32Array(new Uint8Array(bytes.subarray(start + from, start + to)).buffer),
  });
  return Object.fromEntries(Object.entries(header).map(([name, entry]) => [name, floats(entry)]));
}
