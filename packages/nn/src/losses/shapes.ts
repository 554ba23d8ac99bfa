import { ShapeError, type Tensor } from "@gradus/tensor";

/**
 * Targets and predictions of one shape: a last axis of size 1 may be missing on one side, as in Keras. Anything else
 * throws ShapeError, since silent broadcasting would give a wrong loss.
 */
export function matchShapes(name: string, yTrue: Tensor, yPred: Tensor): [Tensor, Tensor] {
  const target = yTrue.astype(yPred.dtype);
  if (target.shape.join() === yPred.shape.join())
    return target.ndim === 0
      ? [target.reshape([1]), yPred.reshape([1])]
      : [target.ndim === 1 ? target.expandDims({ axis: -1 }) : target, yPred.ndim === 1 ? yPred.expandDims({ axis: -1 }) : yPred];
  if (target.ndim === yPred.ndim - 1 && yPred.shape.at(-1) === 1 && target.size === yPred.size)
    return [target.reshape([...yPred.shape]), yPred];
  if (target.ndim - 1 === yPred.ndim && target.shape.at(-1) === 1 && target.size === yPred.size)
    return [target, yPred.reshape([...target.shape])];
  throw new ShapeError(
    name,
    `targets have shape [${yTrue.shape.join(", ")}], predictions [${yPred.shape.join(", ")}]`,
    "The last layer's units should equal the number of target values per example",
  );
}
