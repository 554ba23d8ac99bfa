import type { Slot } from "../../compile/kernel.ts";
import type { Workspace } from "./emit.ts";
import { keyOf, type Lines, startOf } from "./lines.ts";
import { type Dispatch, Shader, type Traits, threads } from "./shader.ts";

/** Elements that a workgroup sorts in shared memory. */
const blockSize = 1024;

/**
 * The order of each line's elements, stable: Batcher's bitonic network over pairs of key and index. Blocks are sorted in
 * shared memory; steps between blocks go through memory, one dispatch each. `largest` clamps keys of int32 indices.
 */
export function emitSort(
  x: Slot,
  order: Slot,
  lines: Lines,
  descending: boolean,
  name: string,
  traits: Traits,
  workspace: Workspace,
  largest?: number,
): Dispatch[] {
  const { n, inner, count } = lines;
  const padded = 2 ** Math.ceil(Math.log2(Math.max(n, 2)));
  const work = { flops: 0, bytes: x.bytes + order.bytes };
  const key = (shader: Shader, at: string) =>
    largest === undefined ? keyOf(shader, x, at, descending) : `u32(clamp(${shader.read(x, at)}, 0, ${largest}))`;

  if (padded <= blockSize) {
    // Short lines stand side by side in a block.
    const beside = Math.max(1, Math.min(blockSize / padded, count));
    const size = beside * padded;
    const shader = new Shader(traits);
    const [keys, places] = [shader.workgroup("u32", size), shader.workgroup("u32", size)];
    const eachElement = (body: () => void) =>
      shader.block(`for (var e = thread; e < ${size}; e += ${threads})`, () => {
        shader.line(`let line = group * ${beside} + e / ${padded};`);
        shader.line(`let p = e % ${padded};`);
        body();
      });
    eachElement(() => {
      shader.line(`${keys}[e] = 0xffffffffu;`);
      shader.line(`${places}[e] = u32(p);`);
      shader.block(`if (p < ${n} && line < ${count})`, () => {
        shader.line(`${keys}[e] = ${key(shader, `${startOf(lines, "line")} + p * ${inner}`)};`);
      });
    });
    shader.block(`for (var k = 2; k <= ${padded}; k *= 2)`, () => {
      shader.block("for (var j = k / 2; j >= 1; j /= 2)", () => exchangeShared(shader, keys, places, size, `((e % ${padded}) & k) == 0`));
    });
    shader.line("workgroupBarrier();");
    eachElement(() => {
      shader.block(`if (p < ${n} && line < ${count})`, () => {
        shader.write(order, `${startOf(lines, "line")} + p * ${inner}`, `i32(${places}[e])`);
      });
    });
    return [shader.finish(name, Math.ceil(count / beside), work)];
  }

  const [keySlot, placeSlot] = [workspace("uint32", count * padded), workspace("uint32", count * padded)];
  const blocks = (count * padded) / blockSize;
  const moved = { flops: 0, bytes: 2 * (keySlot.bytes + placeSlot.bytes) };
  /** Loads a block, does steps of the network within it, stores it. */
  const withinBlocks = (load: boolean): Dispatch => {
    const shader = new Shader(traits);
    const [keys, places] = [shader.workgroup("u32", blockSize), shader.workgroup("u32", blockSize)];
    const [keyBuffer, placeBuffer] = [shader.buffer(keySlot), shader.buffer(placeSlot)];
    shader.line(`let base = group * ${blockSize};`);
    shader.block(`for (var e = thread; e < ${blockSize}; e += ${threads})`, () => {
      if (load) {
        shader.line(`let p = (base + e) % ${padded};`);
        shader.line(`let line = (base + e) / ${padded};`);
        shader.line(`${keys}[e] = 0xffffffffu;`);
        shader.line(`if (p < ${n}) { ${keys}[e] = ${key(shader, `${startOf(lines, "line")} + p * ${inner}`)}; }`);
        shader.line(`${places}[e] = u32(p);`);
      } else {
        shader.line(`${keys}[e] = ${keyBuffer}[base + e];`);
        shader.line(`${places}[e] = ${placeBuffer}[base + e];`);
      }
    });
    const steps = () =>
      shader.block(`for (var j = ${load ? "k" : blockSize} / 2; j >= 1; j /= 2)`, () =>
        exchangeShared(shader, keys, places, blockSize, `(((base + e) % ${padded}) & k) == 0`),
      );
    if (load) shader.block(`for (var k = 2; k <= ${blockSize}; k *= 2)`, steps);
    else {
      shader.line("let k = parameters[0];");
      steps();
    }
    shader.line("workgroupBarrier();");
    shader.block(`for (var e = thread; e < ${blockSize}; e += ${threads})`, () => {
      shader.write(keySlot, "base + e", `${keys}[e]`);
      shader.write(placeSlot, "base + e", `${places}[e]`);
    });
    return shader.finish(`${name}.block`, blocks, moved, load ? {} : { parameters: [0] });
  };
  const between = (() => {
    const shader = new Shader(traits);
    const [keys, places] = [shader.buffer(keySlot), shader.buffer(placeSlot)];
    shader.line("let j = parameters[0];");
    shader.line("let k = parameters[1];");
    shader.line(`let t = group * ${threads} + thread;`);
    shader.line("let e = ((t & ~(j - 1)) << 1u) | (t & (j - 1));");
    shader.line(`let ascending = ((e % ${padded}) & k) == 0;`);
    shader.line(`let key = ${keys}[e];`);
    shader.line(`let other = ${keys}[e + j];`);
    shader.line(`let place = ${places}[e];`);
    shader.line(`let beyond = ${places}[e + j];`);
    shader.line("let greater = key > other || (key == other && place > beyond);");
    shader.block("if (greater == ascending)", () => {
      shader.write(keySlot, "e", "other");
      shader.write(keySlot, "e + j", "key");
      shader.write(placeSlot, "e", "beyond");
      shader.write(placeSlot, "e + j", "place");
    });
    return shader.finish(`${name}.step`, (count * padded) / 2 / threads, moved, { parameters: [0, 0] });
  })();
  const merge = withinBlocks(false);
  const dispatches = [withinBlocks(true)];
  for (let k = 2 * blockSize; k <= padded; k *= 2) {
    for (let j = k / 2; j >= blockSize; j /= 2) dispatches.push({ ...between, parameters: [j, k] });
    dispatches.push({ ...merge, parameters: [k] });
  }
  const last = new Shader(traits);
  last.line(`let id = group * ${threads} + thread;`);
  last.line(`if (id >= ${count * n}) { return; }`);
  last.line(`let line = id / ${n};`);
  last.line(`let p = id % ${n};`);
  last.write(order, `${startOf(lines, "line")} + p * ${inner}`, `i32(${last.read(placeSlot, `line * ${padded} + p`)})`);
  dispatches.push(last.finish(`${name}.order`, Math.ceil((count * n) / threads), work));
  return dispatches;
}

/** One step of the network in shared memory: elements j apart change places where they are in the wrong order. */
function exchangeShared(shader: Shader, keys: string, places: string, size: number, ascending: string): void {
  shader.line("workgroupBarrier();");
  shader.block(`for (var t = thread; t < ${size / 2}; t += ${threads})`, () => {
    shader.line(`let e = ((t & ~(j - 1)) << 1u) | (t & (j - 1));`);
    shader.line(`let key = ${keys}[e];`);
    shader.line(`let other = ${keys}[e + j];`);
    shader.line(`let place = ${places}[e];`);
    shader.line(`let beyond = ${places}[e + j];`);
    shader.line("let greater = key > other || (key == other && place > beyond);");
    shader.block(`if (greater == (${ascending}))`, () => {
      shader.line(`${keys}[e] = other;`);
      shader.line(`${keys}[e + j] = key;`);
      shader.line(`${places}[e] = beyond;`);
      shader.line(`${places}[e + j] = place;`);
    });
  });
}
