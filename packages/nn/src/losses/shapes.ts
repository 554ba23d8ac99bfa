import { asarray, ShapeError, type Tensor, type TensorLike } from "@gradus/tensor";

/** Keras's epsilon: what probabilities are kept away from 0 by. */
export const epsilon = 1e-7;

const sameShape = (a: Tensor, b: Tensor): boolean => a.shape.join() === b.shape.join();
const isFloat = (x: Tensor): boolean => x.dtype.includes("float");

/** An array of a float type: integers become float32. */
export function floats(x: TensorLike): Tensor {
  const t = asarray(x);
  return isFloat(t) ? t : t.astype("float32");
}

/**
 * Targets and predictions of one shape and type: a last axis of size 1 may be missing on one side, as in Keras. Anything
 * else throws ShapeError, since silent broadcasting would give a wrong loss.
 */
export function matchShapes(name: string, yTrue: TensorLike, yPred: TensorLike): [Tensor, Tensor] {
  const prediction = floats(yPred);
  const target = asarray(yTrue).astype(prediction.dtype);
  if (sameShape(target, prediction)) return [target, prediction];
  const onlyLastDiffers = target.size === prediction.size && Math.abs(target.ndim - prediction.ndim) === 1;
  if (onlyLastDiffers && prediction.shape.at(-1) === 1 && target.ndim < prediction.ndim)
    return [target.reshape([...prediction.shape]), prediction];
  if (onlyLastDiffers && target.shape.at(-1) === 1 && target.ndim > prediction.ndim) return [target, prediction.reshape([...target.shape])];
  throw new ShapeError(
    name,
    `targets have shape [${target.shape.join(", ")}], predictions [${prediction.shape.join(", ")}]`,
    name.startsWith("categorical")
      ? "Class numbers need sparseCategoricalCrossentropy; one-hot targets have the predictions' shape"
      : "The last layer's units should equal the number of target values per example",
  );
}

/** As `matchShapes`, arrays of one dimension being [batch, 1]: losses that sum up the last axis then give one value an example. */
export function matchExamples(name: string, yTrue: TensorLike, yPred: TensorLike): [Tensor, Tensor] {
  const [target, prediction] = matchShapes(name, yTrue, yPred);
  return prediction.ndim > 1 ? [target, prediction] : [target.reshape([-1, 1]), prediction.reshape([-1, 1])];
}

/** Class numbers as int32, in the predictions' shape without the axis of classes. ShapeError for others, such as one-hot rows. */
export function classNumbers(name: string, yTrue: TensorLike, yPred: Tensor, axis = -1): Tensor {
  const given = asarray(yTrue);
  const classAxis = axis < 0 ? axis + yPred.ndim : axis;
  const expected = yPred.shape.filter((_, i) => i !== classAxis);
  const fits = given.ndim === yPred.ndim && given.shape.at(-1) === 1 ? given.squeeze({ axis: -1 }) : given;
  if (fits.shape.join() !== expected.join())
    throw new ShapeError(
      name,
      `targets have shape [${given.shape.join(", ")}], predictions [${yPred.shape.join(", ")}]`,
      sameShape(given, yPred)
        ? "One-hot targets need the categorical, not the sparse form"
        : `Give class numbers of shape [${expected.join(", ")}]`,
    );
  return fits.astype("int32");
}
