/**
 * What a worker of the pool runs. `workerMain` is sent to it as source text (bundlers and blob URLs leave no other way that
 * works everywhere), so it must not mention anything outside of itself except types.
 *
 * The protocol. SEQUENCE is odd while a step is open and even between steps. A worker that sees a step open adds itself to
 * ACTIVE and looks again: if the step is still open, the caller cannot go on before the worker has taken itself off ACTIVE,
 * so its description stays as it is; if not, the worker leaves without having read anything. Chunks are handed out by adding
 * to NEXT. The caller closes the step when no chunk is left and waits for ACTIVE to become zero. Therefore any number of
 * workers may be present, and each may come late.
 */

/** Places in the control block, in words of 32 bits. Words that different threads write often lie 128 bytes apart. */
export const control = {
  SEQUENCE: 0,
  SLEEPERS: 32,
  NEXT: 64,
  ACTIVE: 96,
  CALLER_WAITS: 128,
  PRESENT: 160,
  /** Set to 1 by the first kernel that throws; then its message, one word a character. */
  FAILED: 161,
  MESSAGE_LENGTH: 162,
  /** How many modules have been unloaded, and the numbers of the last ones. */
  UNLOADED: 163,
  /** The step: module (number, address and length of its bytes), units, chunk, scratch, and the chain of kernels. */
  MODULE: 192,
  BYTES: 193,
  BYTES_LENGTH: 194,
  UNITS: 195,
  GRAIN: 196,
  SCRATCH: 197,
  SCRATCH_STRIDE: 198,
  CHAIN_LENGTH: 199,
  /** Pairs of a kernel's place among the exports and the address of its arguments. */
  CHAIN: 200,
  UNLOADED_RING: 456,
  MESSAGE: 520,
  WORDS: 1024,

  LONGEST_CHAIN: 128,
  RING: 64,
  LONGEST_MESSAGE: 504,
  /** A SEQUENCE that tells workers to end. */
  STOP: -1,
} as const;

export type Control = typeof control;
export type KernelFunction = (args: number, begin: number, end: number, scratch: number) => void;
export type MathFunctions = Readonly<Record<string, (...values: number[]) => number>>;

export interface WorkerStart {
  readonly memory: WebAssembly.Memory;
  readonly controlAddress: number;
  readonly control: Control;
  /** 1 and up; the calling thread is 0. */
  readonly thread: number;
  readonly spinMicroseconds: number;
}

export function workerMain(start: WorkerStart, math: MathFunctions): void {
  const { memory, control, thread, spinMicroseconds } = start;
  const { SEQUENCE, SLEEPERS, NEXT, ACTIVE } = control;
  const words = new Int32Array(memory.buffer, start.controlAddress, control.WORDS);
  const pause: () => void = (Atomics as { pause?: () => void }).pause ?? (() => {});
  const modules = new Map<number, KernelFunction[]>();
  let unloaded = 0;

  function dropUnloaded(): void {
    const count = words[control.UNLOADED] as number;
    if (count - unloaded > control.RING) modules.clear();
    else for (; unloaded < count; unloaded++) modules.delete(words[control.UNLOADED_RING + (unloaded % control.RING)]!);
    unloaded = count;
  }

  function functionsOf(number: number): KernelFunction[] {
    let functions = modules.get(number);
    if (!functions) {
      const begin = words[control.BYTES]! >>> 0;
      const end = begin + words[control.BYTES_LENGTH]!;
      // News that another thread has grown the memory arrives with a delay, at a loop's end.
      for (let tries = 0; memory.buffer.byteLength < end && tries < 1e7; tries++) pause();
      const module = new WebAssembly.Module(new Uint8Array(memory.buffer).slice(begin, end));
      const instance = new WebAssembly.Instance(module, { env: { memory }, math });
      functions = Object.values(instance.exports) as KernelFunction[];
      modules.set(number, functions);
    }
    return functions;
  }

  function work(): void {
    if (words[control.UNLOADED] !== unloaded) dropUnloaded();
    const functions = functionsOf(words[control.MODULE]!);
    const units = words[control.UNITS]!;
    const grain = words[control.GRAIN]!;
    const scratch = words[control.SCRATCH]! + thread * words[control.SCRATCH_STRIDE]!;
    const chainEnd = control.CHAIN + 2 * words[control.CHAIN_LENGTH]!;
    for (;;) {
      const begin = Atomics.add(words, NEXT, 1) * grain;
      if (begin >= units) return;
      const end = Math.min(begin + grain, units);
      for (let at: number = control.CHAIN; at < chainEnd; at += 2) {
        (functions[words[at]!] as KernelFunction)(words[at + 1]!, begin, end, scratch);
      }
    }
  }

  function report(error: unknown): void {
    // Nobody needs the remaining chunks.
    Atomics.store(words, NEXT, Math.ceil(words[control.UNITS]! / words[control.GRAIN]!));
    if (Atomics.compareExchange(words, control.FAILED, 0, 1) !== 0) return;
    const message = String(error).slice(0, control.LONGEST_MESSAGE);
    for (let i = 0; i < message.length; i++) words[control.MESSAGE + i] = message.charCodeAt(i);
    words[control.MESSAGE_LENGTH] = message.length;
  }

  /** Returns the first SEQUENCE other than `seen`; spins a while, since waking takes longer than most pauses last. */
  function next(seen: number): number {
    const deadline = performance.now() + spinMicroseconds / 1000;
    do {
      for (let i = 0; i < 64; i++) {
        const sequence = Atomics.load(words, SEQUENCE);
        if (sequence !== seen) return sequence;
        pause();
      }
    } while (performance.now() < deadline);
    Atomics.add(words, SLEEPERS, 1);
    Atomics.wait(words, SEQUENCE, seen);
    Atomics.sub(words, SLEEPERS, 1);
    return Atomics.load(words, SEQUENCE);
  }

  Atomics.add(words, control.PRESENT, 1);
  for (let sequence = Atomics.load(words, SEQUENCE); sequence !== control.STOP; sequence = next(sequence)) {
    if ((sequence & 1) === 0) continue;
    Atomics.add(words, ACTIVE, 1);
    if (Atomics.load(words, SEQUENCE) === sequence) {
      try {
        work();
      } catch (error) {
        report(error);
      }
    }
    if (Atomics.sub(words, ACTIVE, 1) === 1 && Atomics.load(words, control.CALLER_WAITS) === 1) {
      Atomics.notify(words, ACTIVE);
    }
  }
}
