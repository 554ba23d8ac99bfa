import { ArgumentError, einsum, type Tensor, type Variable } from "@gradus/tensor";
import { type Layer, layerRegistry } from "../layer.ts";
import type { Config } from "../serialize.ts";
import type { Dims } from "../symbolic.ts";
import { KernelLayer, type KernelOptions } from "./dense.ts";

export interface EinsumDenseOptions extends KernelOptions {
  /** Sizes of the result's axes that the input does not have, in order; null for those that it has. */
  readonly outputShape: number | readonly (number | null)[];
  /** Labels of the result that the bias has: "hd". Default: no bias. */
  readonly biasAxes?: string | null;
}

/**
 * einsum(equation, x, kernel) + bias: a dense layer over any axes, such as "abc,cde->abde".
 * @example
 * new EinsumDense("abc,cd->abd", { outputShape: [null, 5] })(zeros([2, 4, 3])).shape
 */
export class EinsumDense extends KernelLayer {
  static override readonly className = "EinsumDense";
  kernel!: Variable;
  bias: Variable | null = null;
  private readonly equation: string;
  private readonly options: EinsumDenseOptions;

  constructor(equation: string, options: EinsumDenseOptions) {
    super(options);
    if (!/^(\.\.\.)?[a-zA-Z]*,[a-zA-Z]+->(\.\.\.)?[a-zA-Z]*$/.test(equation.replaceAll(" ", "")))
      throw new ArgumentError("EinsumDense", `the equation is ${JSON.stringify(equation)}`, `Write it as "abc,cde->abde"`);
    this.equation = equation.replaceAll(" ", "");
    this.options = options;
  }

  static fromConfig({ equation, ...options }: Config): Layer {
    return new EinsumDense(equation as string, options as unknown as EinsumDenseOptions);
  }

  override build(shape: Dims): void {
    const [left, output] = this.equation.split("->") as [string, string];
    const [input, kernel] = left.split(",") as [string, string];
    const sizes = new Map<string, number | null>();
    const note = (labels: string, dims: Dims): void => {
      const plain = labels.replace("...", "");
      const from = dims.length - plain.length;
      [...plain].forEach((label, i) => {
        const n = dims[from + i];
        if (n !== null && n !== undefined) sizes.set(label, n);
      });
    };
    note(input, shape);
    const { outputShape, biasAxes = null } = this.options;
    note(output, typeof outputShape === "number" ? [outputShape] : outputShape);
    const sizeOf = (label: string): number => {
      const n = sizes.get(label);
      if (typeof n !== "number")
        throw new ArgumentError(String(this), `the size of "${label}" in ${this.equation} is not known`, "Give it in outputShape");
      return n;
    };
    this.kernel = this.addKernel([...kernel].map(sizeOf));
    if (!biasAxes) return;
    const plain = output.replace("...", "");
    const first = Math.min(...[...biasAxes].map((label) => plain.indexOf(label)));
    const biasShape = [...plain.slice(first)].map((label) => (biasAxes.includes(label) ? sizeOf(label) : 1));
    this.bias = this.addWeight("bias", biasShape, {
      initializer: this.biasInitializer,
      regularizer: this.biasRegularizer,
      constraint: this.biasConstraint,
    });
  }

  override call(x: Tensor): Tensor {
    const y = einsum(this.equation, x, this.kernel);
    return this.activation(this.bias ? y.add(this.bias) : y);
  }

  override getConfig(): Config {
    const { outputShape, biasAxes = null } = this.options;
    return { equation: this.equation, outputShape, biasAxes, ...super.getConfig() };
  }
}

layerRegistry.register(EinsumDense);
