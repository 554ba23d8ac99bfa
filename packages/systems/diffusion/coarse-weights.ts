import { FormatError, loadSafetensors, ShapeError, type Source, safetensorsBytes, type Tensor, tensor } from "@gradus/tensor";
import { toArrayData, toTensor } from "@gradus/tensor/io";
import { arrayOf, type Parameter, setParameter } from "./parameters.ts";

/** Weights by the names they have in a file. */
export type NamedParameters = Iterable<readonly [name: string, parameter: Parameter]>;

/** Weights from so many numbers on are kept with 8 bits each, a scale for each of their first axis; others as float16. */
const coarseFrom = 4096;
const scaleOf = (name: string): string => `${name}.scale`;

/** Weights as the bytes of a .safetensors file, about one byte a weight. */
export async function coarseBytes(weights: NamedParameters): Promise<Uint8Array> {
  const arrays: Record<string, Tensor> = {};
  for (const [name, parameter] of weights) {
    const array = await arrayOf(parameter);
    if (array.data.length < coarseFrom) {
      arrays[name] = toTensor(array).astype("float16");
      continue;
    }
    const { codes, scales } = coarse(array.data as Float32Array, array.shape[0]!);
    arrays[name] = tensor(codes, { dtype: "int8" }).reshape(array.shape);
    arrays[scaleOf(name)] = tensor(scales);
  }
  const bytes = await safetensorsBytes(arrays);
  for (const array of Object.values(arrays)) array.dispose();
  return bytes;
}

/** Each row's numbers as whole multiples of a 127th of its largest. */
function coarse(values: Float32Array, rows: number): { readonly codes: Int8Array; readonly scales: Float32Array } {
  const each = values.length / rows;
  const codes = new Int8Array(values.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const own = values.subarray(row * each, (row + 1) * each);
    const scale = own.reduce((m, v) => Math.max(m, Math.abs(v)), 0) / 127 || 1;
    scales[row] = scale;
    for (let i = 0; i < each; i++) codes[row * each + i] = Math.round(own[i]! / scale);
  }
  return { codes, scales };
}

/**
 * Sets weights from what `coarseBytes` made. Every array is used exactly once: FormatError for names that are missing or left over,
 * ShapeError for arrays of another shape; nothing is changed then. `where` names what the weights should fit.
 */
export async function setCoarse(operation: string, weights: NamedParameters, source: Source, where: string): Promise<void> {
  const arrays = await loadSafetensors(source);
  try {
    const left = new Set(Object.keys(arrays));
    const wanted = [...weights].map(([name, parameter]) => {
      const [array, scale] = [arrays[name], arrays[scaleOf(name)]];
      const { shape } = parameter;
      if (!array) throw new FormatError(operation, `the weights lack ${name}`, `Are they those of ${where}?`);
      if (array.shape.join() !== shape.join() || (scale && scale.shape.join() !== `${shape[0]}`))
        throw new ShapeError(operation, `${name} is [${array.shape.join(", ")}], [${shape.join(", ")}] by ${where}`);
      for (const used of [name, ...(scale ? [scaleOf(name)] : [])]) left.delete(used);
      return { parameter, array, scale };
    });
    if (left.size) throw new FormatError(operation, `the model has no place for ${[...left][0]} of the weights`);
    for (const { parameter, array, scale } of wanted) {
      const value = scale ? array.astype("float32").mul(scale.reshape([-1, ...array.shape.slice(1).map(() => 1)])) : array;
      setParameter(parameter, await toArrayData(value));
    }
  } finally {
    for (const array of Object.values(arrays)) array.dispose();
  }
}
