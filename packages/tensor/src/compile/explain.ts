import { showShape } from "../shape.ts";
import type { Access, Kernel, Slot, Value } from "./kernel.ts";
import type { Plan } from "./plan.ts";

/** Kernels and memory plan as text, one line a kernel and one a value. */
export function explainPlan({ kernels, slots, arenaBytes }: Plan): string {
  const lines = kernels.flatMap((kernel, i) => [`kernel ${i}: ${headline(kernel)}`, ...details(kernel)]);
  lines.push(`memory: ${arenaBytes} bytes of intermediates`);
  for (const slot of slots) if (slot.place.kind === "arena") lines.push(`  ${name(slot)} at ${slot.place.offset}, ${slot.bytes} bytes`);
  return lines.join("\n");
}

function name({ place, index }: Slot): string {
  if (place.kind === "arena") return `t${index}`;
  if (place.kind === "block") return `block${index}`;
  return `${place.kind === "input" ? "in" : "out"}${place.index}`;
}

function headline(kernel: Kernel): string {
  if (kernel.kind === "chain") return `${kernel.units} blocks of: ${kernel.stages.map((s) => headline(s.kernel)).join("; then ")}`;
  if (kernel.kind === "loop") {
    const rows = showShape(kernel.dims.slice(0, kernel.split));
    return kernel.split < kernel.dims.length ? `rows ${rows}, each over ${showShape(kernel.dims.slice(kernel.split))}` : `elements ${rows}`;
  }
  if (kernel.kind === "contraction") {
    const { batch, rows, columns, inner, a, b, out, epilogue } = kernel;
    if (epilogue) return `${headline({ ...kernel, epilogue: undefined! })}; then ${headline(epilogue.kernel)}`;
    return `${name(out)} = ${name(a.slot)} · ${name(b.slot)}, batch ${showShape(batch)} rows ${showShape(rows)} columns ${showShape(columns)} inner ${showShape(inner)} ${kernel.dtype}`;
  }
  return `${name(kernel.out)} = ${kernel.node.op}(${kernel.inputs.map(name).join(", ")})`;
}

function details(kernel: Kernel): string[] {
  if (kernel.kind === "chain") return kernel.stages.flatMap((s) => details(s.kernel));
  if (kernel.kind === "contraction" && kernel.epilogue) return details(kernel.epilogue.kernel);
  if (kernel.kind !== "loop") return [];
  const place = (a: Access) =>
    `${name(a.slot)}[${a.offset ? `${a.offset} + ` : ""}${showShape(a.strides)}]${a.guards.length ? ` where ${a.guards.length} in range` : ""}`;
  return [
    ...kernel.body.map((v, i) => `  %${i} = ${spell(v, place)} : ${v.dtype}`),
    ...kernel.stores.map((s) => `  ${place(s.access)} = %${s.value}`),
  ];
}

function spell(v: Value, place: (a: Access) => string): string {
  if (v.op === "load") return place(v.access);
  if (v.op === "constant") return String(v.value);
  if (v.op === "index") return `index ${v.index.offset} + ${showShape(v.index.strides)}`;
  if (v.op === "guard") return `${v.guards.length} in range`;
  return `${v.op}${v.op === "reduce" ? ` ${v.kind}` : ""}(${v.args.map((a) => `%${a}`).join(", ")})`;
}
