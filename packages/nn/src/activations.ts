import {
  ArgumentError,
  abs,
  elu,
  exp,
  gelu,
  hardSigmoid,
  hardSilu,
  leakyRelu,
  logSigmoid,
  logSoftmax,
  mish,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softmax,
  softplus,
  softsign,
  type Tensor,
  tanh,
} from "@gradus/tensor";
import { rememberLogits } from "./logits.ts";
import { camelCase } from "./serialize.ts";

export type ActivationFunction = (x: Tensor) => Tensor;

/** Keras's activations by name; softmax runs over the last axis. */
const byName = {
  linear: (x: Tensor) => x,
  relu: (x: Tensor) => relu(x),
  relu6: (x: Tensor) => relu6(x),
  leakyRelu: (x: Tensor) => leakyRelu(x, { negativeSlope: 0.2 }),
  elu: (x: Tensor) => elu(x),
  selu: (x: Tensor) => selu(x),
  gelu: (x: Tensor) => gelu(x),
  sigmoid: (x: Tensor) => rememberLogits("sigmoid", x, sigmoid(x)),
  hardSigmoid: (x: Tensor) => hardSigmoid(x),
  logSigmoid: (x: Tensor) => logSigmoid(x),
  tanh: (x: Tensor) => tanh(x),
  softmax: (x: Tensor) => rememberLogits("softmax", x, softmax(x)),
  logSoftmax: (x: Tensor) => logSoftmax(x),
  softplus: (x: Tensor) => softplus(x),
  softsign: (x: Tensor) => softsign(x),
  silu: (x: Tensor) => silu(x),
  swish: (x: Tensor) => silu(x),
  hardSilu: (x: Tensor) => hardSilu(x),
  hardSwish: (x: Tensor) => hardSilu(x),
  mish: (x: Tensor) => mish(x),
  exponential: (x: Tensor) => exp(x),
  tanhShrink: (x: Tensor) => x.sub(tanh(x)),
  softShrink: (x: Tensor) => x.sign().mul(abs(x).sub(0.5).maximum(0)),
} satisfies Record<string, ActivationFunction>;

export type ActivationName = keyof typeof byName;

/** An activation by Keras's name ("relu", "log_softmax"), or a function. */
export type ActivationLike = ActivationName | (string & {}) | ActivationFunction;

/**
 * The function an activation stands for; null and undefined: none. ArgumentError for an unknown name.
 * @example
 * activation("relu")(array([-1, 2]))
 */
export function activation(given: ActivationLike | null | undefined): ActivationFunction {
  if (given === null || given === undefined) return byName.linear;
  if (typeof given === "function") return given;
  const found = (byName as Record<string, ActivationFunction>)[camelCase(given)];
  if (!found || !Object.hasOwn(byName, camelCase(given)))
    throw new ArgumentError(
      "activation",
      `unknown activation ${JSON.stringify(given)}`,
      `Use one of ${Object.keys(byName).join(", ")}, or a function`,
    );
  return found;
}

/** How a file names an activation. ArgumentError for a function of one's own, which no file can hold. */
export function activationName(given: ActivationLike | null | undefined): string {
  if (given === null || given === undefined) return "linear";
  if (typeof given === "string") return camelCase(given);
  const found = Object.entries(byName).find(([, f]) => f === given)?.[0];
  if (!found)
    throw new ArgumentError(
      "activation",
      `the function ${given.name || "(anonymous)"} has no name that a file could hold`,
      "Use an activation by name",
    );
  return found;
}
