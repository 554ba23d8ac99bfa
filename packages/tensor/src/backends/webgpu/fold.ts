import { type Shader, type Traits, threads } from "./shader.ts";

/** How the threads of a workgroup share rows: `lanes` a row, neighbours on one row (`along`) or on neighbouring rows. */
export interface Sharing {
  readonly traits: Traits;
  readonly lanes: number;
  readonly along: boolean;
}

/**
 * Folds what the threads of each row have, so that all of them know the result; returns its name. By exchange within
 * subgroups where rows fit those or fill the workgroup, else in shared memory.
 */
export function foldTogether(
  shader: Shader,
  value: string,
  { traits, lanes, along }: Sharing,
  type: string,
  step: (a: string, b: string) => string,
  start: string,
): string {
  if (lanes === 1) return value;
  const { subgroups } = traits;
  if (subgroups && along && lanes <= subgroups.least) {
    shader.line(`var folded_${value} = ${value};`);
    exchange(shader, `folded_${value}`, String(lanes), type, step);
    return `folded_${value}`;
  }
  if (subgroups && lanes === threads) {
    const shared = shader.exchangeMemory(type, threads / subgroups.least);
    shader.line(`var folded_${value} = ${value};`);
    exchange(shader, `folded_${value}`, "i32(subgroup_width)", type, step);
    shader.line(`if (subgroup_lane == 0u) { ${shared}[subgroup_number] = folded_${value}; }`);
    shader.line("workgroupBarrier();");
    shader.line(`folded_${value} = ${start};`);
    shader.block(`for (var s = 0; s < ${threads} / i32(subgroup_width); s++)`, () => {
      shader.line(`folded_${value} = ${step(`folded_${value}`, `${shared}[s]`)};`);
    });
    return `folded_${value}`;
  }
  const shared = shader.exchangeMemory(type, threads);
  const stride = along ? 1 : threads / lanes;
  shader.line(`${shared}[thread] = ${value};`);
  for (let half = lanes / 2; half >= 1; half /= 2) {
    shader.line("workgroupBarrier();");
    shader.line(`if (lane < ${half}) { ${shared}[thread] = ${step(`${shared}[thread]`, `${shared}[thread + ${half * stride}]`)}; }`);
  }
  shader.line("workgroupBarrier();");
  return shader.let(`${shared}[thread - lane * ${stride}]`, "folded");
}

/** Subgroups exchange no bool. */
function exchange(shader: Shader, name: string, width: string, type: string, step: (a: string, b: string) => string): void {
  shader.block(`for (var distance = 1; distance < ${width}; distance *= 2)`, () => {
    const sent = type === "bool" ? `select(0u, 1u, ${name})` : name;
    shader.line(`let other = subgroupShuffleXor(${sent}, u32(distance));`);
    shader.line(`${name} = ${step(name, type === "bool" ? "(other != 0u)" : "other")};`);
  });
}
