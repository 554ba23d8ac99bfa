import { accessBytes, atomicOps, type LoadOp, laneOps, loadOps, memoryLaneOps, plainOps, storeOps, valTypes } from "./opcodes.ts";

/**
 * A module of ours as text, near to the specification's text format: what GRADUS_DEBUG=4 shows. Instructions stand one a
 * line, indented by their blocks. Reads only what the assembler writes.
 */
export function disassemble(bytes: Uint8Array): string {
  const module = new Reader(bytes, 8);
  const types: string[] = [];
  const names: string[] = [];
  const ownTypes: number[] = [];
  const lines: string[] = [];
  let imported = 0;
  while (!module.done) {
    const id = module.byte();
    const end = module.unsigned() + module.at;
    if (id === 1) module.vector(() => types.push(module.signature()));
    else if (id === 2)
      module.vector(() => {
        const name = `${module.text()}.${module.text()}`;
        if (module.byte() === 0x02) module.limits();
        else names[imported++] = `$${name} ${types[module.unsigned()]}`;
      });
    else if (id === 3) module.vector(() => ownTypes.push(module.unsigned()));
    else if (id === 7)
      module.vector(() => {
        const name = module.text();
        module.byte();
        names[module.unsigned()] = `$${name}`;
      });
    else if (id === 10) {
      let number = imported;
      const called = (n: number): string => (names[n] ?? `$f${n}`).split(" ")[0]!;
      module.vector(() => {
        const bodyEnd = module.unsigned() + module.at;
        lines.push(`func ${called(number)} ${types[ownTypes[number - imported]!]}`, ...body(module, bodyEnd, called));
        number++;
      });
    }
    module.at = end;
  }
  return lines.join("\n");
}

/** Lines of one function, its locals first. */
function body(code: Reader, end: number, called: (n: number) => string): string[] {
  const lines: string[] = [];
  const locals: string[] = [];
  code.vector(() => {
    const count = code.unsigned();
    locals.push(...Array<string>(count).fill(typeNames.get(code.byte())!));
  });
  if (locals.length) lines.push(`  (local ${locals.join(" ")})`);
  let depth = 1;
  while (code.at < end) {
    const text = instruction(code, called);
    const outward = text === "end" || text === "else";
    if (outward) depth--;
    if (code.at < end) lines.push("  ".repeat(depth) + text);
    if (text === "else" || /^(block|loop|if)/.test(text)) depth++;
  }
  return lines;
}

function instruction(code: Reader, called: (n: number) => string): string {
  const first = code.byte();
  const prefixed = first >= 0xfc ? code.unsigned() : -1;
  const control = controlOps[first];
  if (control) {
    const type = code.byte();
    return type === 0x40 ? control : `${control} (result ${typeNames.get(type)})`;
  }
  if (first === 0x05) return "else";
  if (first === 0x0b) return "end";
  if (first === 0x0c || first === 0x0d) return `${first === 0x0c ? "br" : "br_if"} ${code.unsigned()}`;
  if (first === 0x10) return `call ${called(code.unsigned())}`;
  if (first >= 0x20 && first <= 0x22) return `local.${["get", "set", "tee"][first - 0x20]} ${code.unsigned()}`;
  if (first === 0x3f) return `memory.size${code.skip(1)}`;
  if (first === 0x41) return `i32.const ${code.signed()}`;
  if (first === 0x42) return `i64.const ${code.signed()}`;
  if (first === 0x43) return `f32.const ${code.view(4).getFloat32(0, true)}`;
  if (first === 0x44) return `f64.const ${code.view(8).getFloat64(0, true)}`;
  if (first === 0xfc && prefixed === 10) return `memory.copy${code.skip(2)}`;
  if (first === 0xfc && prefixed === 11) return `memory.fill${code.skip(1)}`;
  if (first === 0xfd && prefixed === 12) {
    const lanes = code.view(16);
    return `v128.const i32x4 ${[0, 4, 8, 12].map((i) => `0x${lanes.getUint32(i, true).toString(16).padStart(8, "0")}`).join(" ")}`;
  }
  if (first === 0xfd && prefixed === 13) return `i8x16.shuffle ${Array.from({ length: 16 }, () => code.byte()).join(" ")}`;
  if (first === 0xfe && prefixed === 3) return `atomic.fence${code.skip(1)}`;
  const known = instructionNames.get(opcodeKey(first, prefixed));
  if (!known) throw new Error(`disassemble: unknown opcode ${first.toString(16)} ${prefixed} at byte ${code.at}`);
  if (known.immediates === "none") return known.name;
  if (known.immediates === "lane") return `${known.name} ${code.byte()}`;
  const alignment = 2 ** code.unsigned();
  const offset = code.unsigned();
  const natural = accessBytes(known.name as LoadOp);
  const place = `${offset ? ` offset=${offset}` : ""}${alignment === natural ? "" : ` align=${alignment}`}`;
  return known.immediates === "memory" ? `${known.name}${place}` : `${known.name}${place} ${code.byte()}`;
}

const controlOps: Record<number, string> = { 2: "block", 3: "loop", 4: "if" };
const typeNames = new Map(Object.entries(valTypes).map(([name, code]) => [code, name]));

/** Walks over encoded bytes. */
class Reader {
  at: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.bytes.length;
  }
  byte(): number {
    return this.bytes[this.at++]!;
  }
  /** Passes over bytes; empty text, so that it fits in a template. */
  skip(count: number): string {
    this.at += count;
    return "";
  }
  view(count: number): DataView {
    this.at += count;
    return new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at - count, count);
  }
  unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
  signed(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return byte & 0x40 ? value - (1n << (shift + 7n)) : value;
    }
  }
  text(): string {
    const length = this.unsigned();
    this.at += length;
    return new TextDecoder().decode(this.bytes.slice(this.at - length, this.at));
  }
  vector(item: () => void): void {
    for (let left = this.unsigned(); left > 0; left--) item();
  }
  limits(): void {
    const flags = this.byte();
    this.unsigned();
    if (flags & 1) this.unsigned();
  }
  signature(): string {
    this.byte();
    const list = (): string[] => {
      const types: string[] = [];
      this.vector(() => types.push(typeNames.get(this.byte())!));
      return types;
    };
    return `(${list().join(" ")}) -> (${list().join(" ")})`;
  }
}

type Immediates = "none" | "memory" | "memory lane" | "lane";

const opcodeKey = (first: number, rest: number): number => first * 1024 + rest + 1;

/** Names and kinds of immediate operands by opcode. */
const instructionNames = new Map<number, { name: string; immediates: Immediates }>(
  (
    [
      [plainOps, "none"],
      [loadOps, "memory"],
      [storeOps, "memory"],
      [memoryLaneOps, "memory lane"],
      [laneOps, "lane"],
      [atomicOps, "memory"],
    ] as const
  ).flatMap(([table, immediates]) =>
    Object.entries(table).map(([name, [first, ...rest]]) => {
      const number = rest.length ? new Reader(Uint8Array.from(rest), 0).unsigned() : -1;
      return [opcodeKey(first!, number), { name, immediates }] as const;
    }),
  ),
);
