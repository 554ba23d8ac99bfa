import type { Slot } from "../../compile/kernel.ts";
import { library } from "./math.ts";
import type { MatrixUnit } from "./matrix-units.ts";
import { decoded, encoded, storedType } from "./values.ts";

/** What generated code depends on. */
export interface Traits {
  readonly float16: boolean;
  /** Smallest and largest size of a subgroup; null without subgroup operations. */
  readonly subgroups: { readonly least: number; readonly most: number } | null;
  /** Products done in one instruction, experimental: none unless asked for. */
  readonly matrixUnits: readonly MatrixUnit[];
  /** Buffers that one shader may use. */
  readonly slots: number;
  readonly workgroupBytes: number;
  /** Workgroups along one axis of a dispatch. */
  readonly groups: number;
}

/** One dispatch: a shader over some slots. */
export interface Dispatch {
  readonly name: string;
  /** WGSL without the declarations of its buffers, which are called b0, b1, ... in the order of `slots`. */
  readonly code: string;
  readonly slots: readonly Slot[];
  readonly written: ReadonlySet<Slot>;
  readonly groups: readonly [number, number, number];
  /** Numbers that the code finds in `parameters`: kernels that differ in nothing else share a shader. */
  readonly parameters?: readonly number[];
  /** Floating-point operations and bytes that the work takes at least. */
  readonly flops: number;
  readonly bytes: number;
}

interface FinishOptions {
  readonly layers?: number;
  readonly size?: number;
  readonly parameters?: readonly number[];
}

/** Threads of a workgroup; every device has as many. */
export const threads = 256;

/** Collects the text of one shader and the slots it uses. */
export class Shader {
  readonly traits: Traits;
  readonly slots: Slot[] = [];
  readonly written = new Set<Slot>();
  private readonly shared: string[] = [];
  private readonly exchanges = new Map<string, string>();
  private readonly lines: string[] = [];
  private indent = 1;
  private names = 0;

  constructor(traits: Traits) {
    this.traits = traits;
  }

  /** The name of a slot's buffer. */
  buffer(slot: Slot): string {
    let index = this.slots.indexOf(slot);
    if (index < 0) index = this.slots.push(slot) - 1;
    return `b${index}`;
  }

  /** The element of a slot at an i32 index, ready to compute with. */
  read(slot: Slot, index: string): string {
    return decoded(`${this.buffer(slot)}[${index}]`, slot.dtype, this.traits.float16);
  }

  write(slot: Slot, index: string, value: string): void {
    this.written.add(slot);
    this.line(`${this.buffer(slot)}[${index}] = ${encoded(value, slot.dtype, this.traits.float16)};`);
  }

  /** Copies an element as it is stored. */
  copy(to: Slot, at: string, from: Slot, source: string): void {
    this.written.add(to);
    this.line(`${this.buffer(to)}[${at}] = ${this.buffer(from)}[${source}];`);
  }

  /** Memory that a workgroup shares. */
  workgroup(type: string, length: number): string {
    const name = `shared${this.shared.length}`;
    this.shared.push(`var<workgroup> ${name}: array<${type}, ${length}>;`);
    return name;
  }

  /** The same for a short while: later requests get the same memory, after a barrier. */
  exchangeMemory(type: string, length: number): string {
    const key = `${type} ${length}`;
    const known = this.exchanges.get(key);
    if (known) this.line("workgroupBarrier();");
    const name = known ?? this.workgroup(type, length);
    this.exchanges.set(key, name);
    return name;
  }

  name(prefix: string): string {
    return `${prefix}${this.names++}`;
  }

  line(text: string): void {
    this.lines.push("  ".repeat(this.indent) + text);
  }

  /** `let` with a new name. */
  let(value: string, prefix = "x"): string {
    const name = this.name(prefix);
    this.line(`let ${name} = ${value};`);
    return name;
  }

  block(head: string, body: () => void): void {
    this.line(`${head} {`);
    this.indent++;
    body();
    this.indent--;
    this.line("}");
  }

  /**
   * The dispatch of `groups` workgroups (and `layers` of them, numbered by `layer`). In the code stand `group`, the number
   * of the workgroup, and `thread`, that of the thread in it: threads of a subgroup are neighbours.
   */
  finish(name: string, groups: number, work: { flops: number; bytes: number }, options: FinishOptions = {}): Dispatch {
    const { layers = 1, size = threads, parameters } = options;
    const most = this.traits.groups;
    const x = groups <= most ? groups : Math.ceil(groups / Math.ceil(groups / most));
    const y = Math.ceil(groups / x);
    const { subgroups } = this.traits;
    const body = this.lines.join("\n");
    const usesSubgroups = subgroups !== null && body.includes("subgroup");
    const builtins = ["@builtin(workgroup_id) workgroup: vec3u", "@builtin(local_invocation_index) local: u32"];
    if (usesSubgroups)
      builtins.push(
        "@builtin(subgroup_id) subgroup_number: u32",
        "@builtin(subgroup_size) subgroup_width: u32",
        "@builtin(subgroup_invocation_id) subgroup_lane: u32",
      );
    const head = [
      `  let thread = i32(${usesSubgroups ? "subgroup_number * subgroup_width + subgroup_lane" : "local"});`,
      `  let group = i32(workgroup.x${y > 1 ? ` + workgroup.y * ${x}u` : ""});`,
      ...(layers > 1 ? ["  let layer = i32(workgroup.z);"] : []),
      ...(x * y > groups ? [`  if (group >= ${groups}) { return; }`] : []),
    ];
    const code = [
      library(body),
      ...this.shared,
      `@compute @workgroup_size(${size}) fn main(${builtins.join(", ")}) {`,
      ...head,
      body,
      "}",
    ].join("\n");
    return { name, code, slots: this.slots, written: this.written, groups: [x, y, layers], ...work, ...(parameters ? { parameters } : {}) };
  }
}

/** The whole text of a dispatch's shader. `binding` numbers slots, `writable` tells how each is declared. */
export function declare(dispatch: Dispatch, traits: Traits, bindings: readonly number[], writable: (slot: Slot) => boolean): string {
  const extensions = [
    ...(/\bf16\b/.test(dispatch.code) || dispatch.slots.some((s) => storedType(s.dtype, traits.float16) === "f16") ? ["enable f16;"] : []),
    ...(dispatch.code.includes("subgroup_lane") ? ["enable subgroups;"] : []),
    ...(dispatch.code.includes("subgroup_matrix") ? ["enable chromium_experimental_subgroup_matrix;"] : []),
  ];
  const declarations: string[] = [];
  let text = dispatch.code;
  dispatch.slots.forEach((slot, i) => {
    const first = bindings.indexOf(bindings[i]!);
    if (first < i) {
      text = text.replaceAll(new RegExp(`\\bb${i}\\b`, "g"), `b${first}`);
      return;
    }
    const type = storedType(slot.dtype, traits.float16);
    declarations.push(`@group(0) @binding(${bindings[i]}) var<storage, ${writable(slot) ? "read_write" : "read"}> b${i}: array<${type}>;`);
  });
  if (dispatch.parameters)
    declarations.push(`@group(0) @binding(${Math.max(-1, ...bindings) + 1}) var<storage, read> parameters: array<i32>;`);
  return [...extensions, ...declarations, text].join("\n");
}
