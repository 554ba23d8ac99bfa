import type { Shader } from "./shader.ts";

/** A product that a device's matrix units do at once: [M, K] of `type` times [K, N], summed in float32. */
export interface MatrixUnit {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly type: "f32" | "f16";
}

/** Subgroups of a workgroup; each makes a quarter of its tile. */
export const unitSubgroups = 4;

/** Shared memory through which results leave the units. */
export const unitBytes = ({ M, N }: MatrixUnit): number => 4 * unitSubgroups * M * N;

export const unitFits = ({ M, N, K }: MatrixUnit, tile: { rows: number; columns: number; depth: number }): boolean =>
  tile.rows % (2 * M) === 0 && tile.columns % (2 * N) === 0 && tile.depth % K === 0;

/** The units that Dawn's experimental feature offers, as far as they sum in float32. */
export function offeredUnits(info: object, float16: boolean): MatrixUnit[] {
  const { subgroupMatrixConfigs = [] } = info as {
    subgroupMatrixConfigs?: Iterable<{ componentType: string; resultComponentType: string; M: number; N: number; K: number }>;
  };
  const units: MatrixUnit[] = [];
  for (const { componentType, resultComponentType, M, N, K } of subgroupMatrixConfigs)
    if (resultComponentType === "f32" && (componentType === "f32" || (componentType === "f16" && float16)))
      units.push({ M, N, K, type: componentType });
  return units;
}

interface SharedTile {
  /** Names of the operands in shared memory: element (k, i) at k * pitch + i. */
  readonly left: string;
  readonly right: string;
  readonly pitches: readonly [number, number];
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/**
 * Sums a tile with matrix units. WGSL's experimental types name columns before rows: subgroup_matrix_left<T, K, M>,
 * subgroup_matrix_right<T, N, K>, subgroup_matrix_result<T, N, M>.
 */
export function byUnits(
  shader: Shader,
  { M, N, K, type }: MatrixUnit,
  tile: SharedTile,
  accumulate: (multiply: () => void) => void,
  finish: (row: string, column: string, value: string) => void,
): void {
  const [high, wide] = [tile.rows / 2 / M, tile.columns / 2 / N];
  const [leftPitch, rightPitch] = tile.pitches;
  shader.line(`let top = i32(subgroup_number / 2u) * ${tile.rows / 2};`);
  shader.line(`let beside = i32(subgroup_number % 2u) * ${tile.columns / 2};`);
  const result = `subgroup_matrix_result<f32, ${N}, ${M}>`;
  const sums = Array.from({ length: high }, (_, i) => Array.from({ length: wide }, (_, j) => `sum_${i}_${j}`));
  for (const s of sums.flat()) shader.line(`var ${s} = ${result}();`);
  const load = (kind: string, shared: string, at: string, layout: "col_major" | "row_major", pitch: number) =>
    `subgroupMatrixLoad<${kind}, ${layout}>(&${shared}, u32(${at}), ${pitch}u)`;
  accumulate(() =>
    shader.block(`for (var k = 0; k < ${tile.depth}; k += ${K})`, () => {
      for (let i = 0; i < high; i++)
        shader.line(
          `let a${i} = ${load(`subgroup_matrix_left<${type}, ${K}, ${M}>`, tile.left, `k * ${leftPitch} + top + ${i * M}`, "col_major", leftPitch)};`,
        );
      for (let j = 0; j < wide; j++)
        shader.line(
          `let b${j}_ = ${load(`subgroup_matrix_right<${type}, ${N}, ${K}>`, tile.right, `k * ${rightPitch} + beside + ${j * N}`, "row_major", rightPitch)};`,
        );
      sums.forEach((row, i) => {
        row.forEach((s, j) => {
          shader.line(`${s} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}_, ${s});`);
        });
      });
    }),
  );
  // Where a subgroup's threads have which elements is the device's secret: results pass through shared memory.
  const scratch = shader.workgroup("f32", unitSubgroups * M * N);
  shader.line(`let desk = subgroup_number * ${M * N}u;`);
  sums.forEach((row, i) => {
    row.forEach((s, j) => {
      shader.line("workgroupBarrier();");
      shader.line(`subgroupMatrixStore<row_major>(&${scratch}, desk, ${s}, ${N}u);`);
      shader.line("workgroupBarrier();");
      shader.block(`for (var e = i32(subgroup_lane); e < ${M * N}; e += i32(subgroup_width))`, () =>
        finish(`top + ${i * M} + e / ${N}`, `beside + ${j * N} + e % ${N}`, `${scratch}[i32(desk) + e]`),
      );
    });
  });
}
