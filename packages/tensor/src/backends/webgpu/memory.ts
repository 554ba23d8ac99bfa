import { OutOfMemoryError } from "../../errors.ts";
import { usage } from "./device.ts";

/** Bytes that given-back buffers may keep. */
const mostIdle = 2 ** 28;

/** Sizes step by an eighth of a power of two, so that buffers given back fit what is asked next. */
export function sizeClass(bytes: number): number {
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(Math.max(bytes, 1))) - 3));
  return Math.ceil(Math.max(bytes, 1) / step) * step;
}

/** Buffers of one kind by size class, kept for a while after they are given back: making one costs far more. */
export class BufferPool {
  private readonly device: GPUDevice;
  private readonly flags: number;
  private readonly limitBytes: number;
  private readonly onFailure: (error: Error) => void;
  private readonly idle = new Map<number, GPUBuffer[]>();
  private idleBytes = 0;
  /** Bytes in buffers that are in use, and in all. */
  used = 0;

  constructor(device: GPUDevice, flags: number, limitBytes: number, onFailure: (error: Error) => void) {
    this.device = device;
    this.flags = flags;
    this.limitBytes = limitBytes;
    this.onFailure = onFailure;
  }

  get reserved(): number {
    return this.used + this.idleBytes;
  }

  /** Throws OutOfMemoryError. */
  acquire(bytes: number): GPUBuffer {
    const size = sizeClass(bytes);
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const most = this.flags & usage.storage ? Math.min(maxBufferSize, maxStorageBufferBindingSize) : maxBufferSize;
    if (bytes > most) throw new OutOfMemoryError("allocate", `${bytes} bytes asked, a buffer of this GPU holds ${most}`, "Split the array");
    if (this.used + size > this.limitBytes)
      throw new OutOfMemoryError(
        "allocate",
        `${bytes} bytes asked, ${this.limitBytes - this.used} of the limit of ${this.limitBytes} are left`,
        "Dispose of arrays, use smaller batches, or raise limitBytes in init()",
      );
    const kept = this.idle.get(size)?.pop();
    if (kept) {
      this.idleBytes -= size;
      this.used += size;
      return kept;
    }
    if (this.reserved + size > this.limitBytes) this.trim(0);
    this.device.pushErrorScope("out-of-memory");
    const buffer = this.device.createBuffer({ size: Math.min(size, Math.floor(most / 4) * 4), usage: this.flags });
    this.device.popErrorScope().then(
      (error) => {
        if (!error) return;
        this.trim(0);
        this.onFailure(new OutOfMemoryError("allocate", `the GPU has no ${bytes} bytes left`, "Dispose of arrays, or use smaller batches"));
      },
      () => {}, // the device is lost, which is reported elsewhere
    );
    this.used += size;
    return buffer;
  }

  release(buffer: GPUBuffer, bytes: number): void {
    const size = sizeClass(bytes);
    this.used -= size;
    const list = this.idle.get(size);
    if (list) list.push(buffer);
    else this.idle.set(size, [buffer]);
    this.idleBytes += size;
    if (this.idleBytes > mostIdle) this.trim(mostIdle / 2);
  }

  /** Gives buffers back to the system, the largest first, until at most `bytes` are kept. */
  private trim(bytes: number): void {
    for (const size of [...this.idle.keys()].sort((a, b) => b - a)) {
      const list = this.idle.get(size)!;
      while (list.length && this.idleBytes > bytes) {
        list.pop()!.destroy();
        this.idleBytes -= size;
      }
      if (!list.length) this.idle.delete(size);
    }
  }
}
