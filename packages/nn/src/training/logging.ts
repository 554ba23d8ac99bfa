import { Callback } from "./callbacks.ts";
import type { Logs } from "./history.ts";

export interface CSVLoggerOptions {
  readonly separator?: string;
  /** Go on with a file that is there. */
  readonly append?: boolean;
}

/** Writes one line of measurements an epoch to a CSV file. */
export class CSVLogger extends Callback {
  private readonly path: string;
  private readonly options: CSVLoggerOptions;
  private columns: readonly string[] | null = null;

  constructor(path: string, options: CSVLoggerOptions = {}) {
    super();
    this.path = path;
    this.options = options;
  }

  override async onTrainBegin(): Promise<void> {
    const { readFile, writeFile } = await import("node:fs/promises");
    const { separator = ",", append = false } = this.options;
    this.columns = null;
    if (!append) await writeFile(this.path, "");
    else {
      const head = (await readFile(this.path, "utf8").catch(() => "")).split("\n")[0]!;
      if (head) this.columns = head.split(separator).slice(1);
    }
  }

  override async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    const { appendFile } = await import("node:fs/promises");
    const { separator = "," } = this.options;
    const head = this.columns ? "" : `${["epoch", ...Object.keys(logs)].join(separator)}\n`;
    this.columns ??= Object.keys(logs);
    await appendFile(this.path, `${head}${[epoch, ...this.columns.map((name) => logs[name] ?? "")].join(separator)}\n`);
  }
}

/**
 * Writes measurements as TensorBoard reads them: an event file in `folder`/train, and one in `folder`/validation. The
 * format: TFRecords (length, masked CRC-32C, data, masked CRC-32C) of Event messages (tensorflow/core/util/event.proto).
 */
export class TensorBoard extends Callback {
  private readonly folder: string;
  private files = new Map<string, string>();

  constructor(folder = "logs") {
    super();
    this.folder = folder;
  }

  override onTrainBegin(): void {
    this.files = new Map();
  }

  override async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    const train = Object.entries(logs).filter(([name]) => !name.startsWith("val_"));
    const validation = Object.entries(logs).flatMap(([name, value]) => (name.startsWith("val_") ? [[name.slice(4), value] as const] : []));
    const spell = (entries: readonly (readonly [string, number])[]) =>
      entries.map(([name, value]): [string, number] => [`epoch_${name}`, value]);
    await this.write("train", epoch, [...spell(train), ["epoch_learning_rate", await this.model.optimizer.readLearningRate()]]);
    if (validation.length) await this.write("validation", epoch, spell(validation));
  }

  private async write(part: string, step: number, values: readonly [string, number][]): Promise<void> {
    const { appendFile, mkdir } = await import("node:fs/promises");
    const folder = `${this.folder}/${part}`;
    const now = Date.now() / 1000;
    let file = this.files.get(part);
    const records: Uint8Array[] = [];
    if (!file) {
      await mkdir(folder, { recursive: true });
      file = `${folder}/events.out.tfevents.${Math.floor(now)}.gradus.${globalThis.crypto.randomUUID().slice(0, 8)}`;
      this.files.set(part, file);
      records.push(record([...double(1, now), ...text(3, "brain.Event:2")]));
    }
    const summary = values.flatMap(([tag, value]) => message(1, [...text(1, tag), ...float(2, value)]));
    records.push(record([...double(1, now), ...integer(2, step), ...message(5, summary)]));
    await appendFile(file, Buffer.concat(records));
  }
}

// Protocol buffers: a field is its number and wire type, then the value.
const varint = (n: number): number[] => (n < 128 ? [n] : [(n % 128) | 128, ...varint(Math.floor(n / 128))]);
const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer);
const integer = (field: number, n: number): number[] => [...varint(field << 3), ...varint(n)];
const double = (field: number, x: number): number[] => [...varint((field << 3) | 1), ...bytesOf(Float64Array.of(x))];
const float = (field: number, x: number): number[] => [...varint((field << 3) | 5), ...bytesOf(Float32Array.of(x))];
const message = (field: number, body: readonly number[]): number[] => [...varint((field << 3) | 2), ...varint(body.length), ...body];
const text = (field: number, value: string): number[] => message(field, [...new TextEncoder().encode(value)]);

function record(data: readonly number[]): Uint8Array {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(data.length), true);
  const check = (bytes: Uint8Array): Uint8Array => bytesOf(Uint32Array.of(masked(crc32c(bytes))));
  const body = Uint8Array.from(data);
  return Uint8Array.from([...length, ...check(length), ...body, ...check(body)]);
}

const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

/** CRC-32 with Castagnoli's polynomial, reflected. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
