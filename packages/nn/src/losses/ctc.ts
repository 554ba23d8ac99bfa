import {
  arange,
  asarray,
  concat,
  full,
  logaddexp,
  logSoftmax,
  ShapeError,
  stack,
  type Tensor,
  type TensorLike,
  takeAlongAxis,
  where,
  zerosLike,
} from "@gradus/tensor";
import { FunctionLoss, type LossOptions, lossRegistry } from "./loss.ts";
import { floats } from "./shapes.ts";

/** Stands for log 0: far below every log-probability, and unlike -Infinity harmless in gradients. */
const never = -1e30;

/**
 * -log of the probability that logits [batch, time, classes] spell the labels [batch, length], over all alignments with blanks
 * and repetitions (Graves et al. 2006, eq. 6-8). Class 0 is the blank, and fills labels up at their end. Infinite where the
 * time is too short for the labels. Result [batch].
 */
export function ctc(yTrue: TensorLike, yPred: TensorLike): Tensor {
  const logits = floats(yPred);
  const labels = asarray(yTrue).astype("int32");
  if (logits.ndim !== 3 || labels.ndim !== 2 || labels.shape[0] !== logits.shape[0])
    throw new ShapeError(
      "ctc",
      `targets have shape [${labels.shape.join(", ")}], logits [${logits.shape.join(", ")}]`,
      "Give labels [batch, length] and logits [batch, time, classes]",
    );
  const [batch, time] = logits.shape as [number, number, number];
  const length = labels.shape[1]!;
  // States: the labels with blanks around each, [batch, 2 length + 1].
  const pairs = stack([labels, zerosLike(labels)], { axis: 2 }).reshape([batch, 2 * length]);
  const states = concat([full([batch, 1], 0, { dtype: "int32" }), pairs], { axis: 1 });
  const count = 2 * length + 1;
  const emitted = takeAlongAxis(logSoftmax(logits), states.expandDims({ axis: 1 }).broadcastTo([batch, time, count]), { axis: 2 });
  const nothing = (n: number): Tensor => full([batch, n], never, { dtype: logits.dtype });
  /** What was `by` states before. */
  const shift = (x: Tensor, by: number): Tensor =>
    concat([nothing(Math.min(by, count)), x.get(":", `:${Math.max(count - by, 0)}`)], { axis: 1 });
  const place = arange(count, { dtype: "int32" });
  const before = concat([full([batch, Math.min(2, count)], 0, { dtype: "int32" }), states], { axis: 1 });
  // A blank between two labels may be left out unless they are equal.
  const maySkip = states.notEqual(0).logicalAnd(states.notEqual(before.get(":", `:${count}`)));
  let alpha = where(place.less(2), emitted.get(":", 0), never);
  for (let t = 1; t < time; t++) {
    const stayed = logaddexp(alpha, shift(alpha, 1));
    const skipped = where(maySkip, shift(alpha, 2), never);
    alpha = logaddexp(stayed, skipped).add(emitted.get(":", t));
  }
  const end = labels.notEqual(0).astype("int32").sum({ axis: 1, keepdims: true }).mul(2);
  const last = takeAlongAxis(alpha, end, { axis: 1 });
  const beforeLast = where(end.equal(0), never, takeAlongAxis(alpha, end.sub(1).maximum(0), { axis: 1 }));
  const loss = logaddexp(last, beforeLast).squeeze({ axis: 1 }).neg();
  return where(loss.greater(-never / 2), Number.POSITIVE_INFINITY, loss);
}

/** `ctc` as a loss. */
export class CTC extends FunctionLoss {
  static override readonly className = "CTC";
  constructor(options: LossOptions = {}) {
    super("ctc", ctc, options);
  }
}

lossRegistry.register(CTC, "ctc");
