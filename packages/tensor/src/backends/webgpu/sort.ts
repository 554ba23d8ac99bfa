import type { Slot } from "../../compile/kernel.ts";
import type { Workspace } from "./emit.ts";
import { keyOf, type Lines } from "./lines.ts";
import { type Dispatch, Shader, type Traits, threads } from "./shader.ts";

/** Elements that a workgroup sorts in shared memory. */
const blockSize = 1024;

/**
 * The order of each line's elements, stable: Batcher's bitonic network over pairs of key and index, lines padded to powers
 * of two. Blocks are sorted in shared memory; steps between blocks go through memory, one dispatch each. `largest` clamps
 * int32 indices. Sizes are parameters, so that arrays of all shapes share the shaders.
 */
export function emitSort(
  x: Slot,
  order: Slot,
  { n, inner, count }: Lines,
  descending: boolean,
  name: string,
  traits: Traits,
  workspace: Workspace,
  largest?: number,
): Dispatch[] {
  const padded = 2 ** Math.ceil(Math.log2(Math.max(n, 2)));
  const work = { flops: 0, bytes: x.bytes + order.bytes };
  const blocks = Math.ceil((count * padded) / blockSize);
  const parameters = [n, inner, count, padded];
  const place = "line / inner * (n * inner) + line % inner + p * inner";
  const sizes = (shader: Shader) => {
    ["n", "inner", "count", "padded"].forEach((size, i) => {
      shader.line(`let ${size} = parameters[${i}];`);
    });
  };
  const eachElement = (shader: Shader, body: () => void) =>
    shader.block(`for (var e = thread; e < ${blockSize}; e += ${threads})`, () => {
      shader.line(`let line = (group * ${blockSize} + e) / padded;`);
      shader.line(`let p = (group * ${blockSize} + e) % padded;`);
      body();
    });
  const exists = "if (p < n && line < count)";

  /** Sorts blocks in shared memory: all of the network up to their size. */
  const start = new Shader(traits);
  const [keys, places] = [start.workgroup("u32", blockSize), start.workgroup("u32", blockSize)];
  sizes(start);
  eachElement(start, () => {
    const key = largest === undefined ? keyOf(start, x, place, descending) : `u32(clamp(${start.read(x, place)}, 0, ${largest}))`;
    start.line(`${keys}[e] = 0xffffffffu;`);
    start.line(`${places}[e] = u32(p);`);
    start.line(`${exists} { ${keys}[e] = ${key}; }`);
  });
  start.block(`for (var k = 2; k <= min(padded, ${blockSize}); k *= 2)`, () => {
    start.block("for (var j = k / 2; j >= 1; j /= 2)", () => exchangeShared(start, keys, places));
  });
  start.line("workgroupBarrier();");
  if (padded <= blockSize) {
    eachElement(start, () => {
      start.block(exists, () => start.write(order, place, `i32(${places}[e])`));
    });
    return [start.finish(name, blocks, work, { parameters })];
  }

  const [keySlot, placeSlot] = [workspace("uint32", count * padded), workspace("uint32", count * padded)];
  const moved = { flops: 0, bytes: 2 * (keySlot.bytes + placeSlot.bytes) };
  const store = (shader: Shader) =>
    shader.block(`for (var e = thread; e < ${blockSize}; e += ${threads})`, () => {
      shader.write(keySlot, `group * ${blockSize} + e`, `${keys}[e]`);
      shader.write(placeSlot, `group * ${blockSize} + e`, `${places}[e]`);
    });
  store(start);
  const dispatches = [start.finish(`${name}.block`, blocks, moved, { parameters })];

  /** The steps of one stage k that stay within blocks. */
  const merge = new Shader(traits);
  merge.workgroup("u32", blockSize);
  merge.workgroup("u32", blockSize);
  merge.line("let padded = parameters[0];");
  merge.line("let k = parameters[1];");
  merge.block(`for (var e = thread; e < ${blockSize}; e += ${threads})`, () => {
    merge.line(`${keys}[e] = ${merge.buffer(keySlot)}[group * ${blockSize} + e];`);
    merge.line(`${places}[e] = ${merge.buffer(placeSlot)}[group * ${blockSize} + e];`);
  });
  merge.block(`for (var j = ${blockSize / 2}; j >= 1; j /= 2)`, () => exchangeShared(merge, keys, places));
  merge.line("workgroupBarrier();");
  store(merge);
  const within = merge.finish(`${name}.merge`, blocks, moved);

  /** One step between blocks. */
  const step = new Shader(traits);
  const [allKeys, allPlaces] = [step.buffer(keySlot), step.buffer(placeSlot)];
  step.line("let padded = parameters[0];");
  step.line("let k = parameters[1];");
  step.line("let j = parameters[2];");
  step.line(`let t = group * ${threads} + thread;`);
  step.line("let e = ((t & ~(j - 1)) << 1u) | (t & (j - 1));");
  step.line(`let key = ${allKeys}[e];`);
  step.line(`let other = ${allKeys}[e + j];`);
  step.line(`let place = ${allPlaces}[e];`);
  step.line(`let beyond = ${allPlaces}[e + j];`);
  step.block(`if (${wrongWay("e")})`, () => {
    step.write(keySlot, "e", "other");
    step.write(keySlot, "e + j", "key");
    step.write(placeSlot, "e", "beyond");
    step.write(placeSlot, "e + j", "place");
  });
  const between = step.finish(`${name}.step`, (count * padded) / 2 / threads, moved);
  for (let k = 2 * blockSize; k <= padded; k *= 2) {
    for (let j = k / 2; j >= blockSize; j /= 2) dispatches.push({ ...between, parameters: [padded, k, j] });
    dispatches.push({ ...within, parameters: [padded, k] });
  }

  const last = new Shader(traits);
  sizes(last);
  last.line(`let id = group * ${threads} + thread;`);
  last.line("if (id >= count * n) { return; }");
  last.line("let line = id / n;");
  last.line("let p = id % n;");
  last.write(order, place, `i32(${last.read(placeSlot, "line * padded + p")})`);
  dispatches.push(last.finish(`${name}.order`, Math.ceil((count * n) / threads), work, { parameters }));
  return dispatches;
}

/** Whether key and other, at places e and e + j of the network, must change places in stage k. */
const wrongWay = (at: string): string => `(key > other || (key == other && place > beyond)) == (((${at}) & (padded - 1) & k) == 0)`;

/** One step of the network in shared memory: elements j apart change places where they are in the wrong order. */
function exchangeShared(shader: Shader, keys: string, places: string): void {
  shader.line("workgroupBarrier();");
  shader.block(`for (var t = thread; t < ${blockSize / 2}; t += ${threads})`, () => {
    shader.line("let e = ((t & ~(j - 1)) << 1u) | (t & (j - 1));");
    shader.line(`let key = ${keys}[e];`);
    shader.line(`let other = ${keys}[e + j];`);
    shader.line(`let place = ${places}[e];`);
    shader.line(`let beyond = ${places}[e + j];`);
    shader.block(`if (${wrongWay(`group * ${blockSize} + e`)})`, () => {
      shader.line(`${keys}[e] = other;`);
      shader.line(`${keys}[e + j] = key;`);
      shader.line(`${places}[e] = beyond;`);
      shader.line(`${places}[e + j] = place;`);
    });
  });
}
