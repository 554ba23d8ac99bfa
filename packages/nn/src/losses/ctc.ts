import {
  arange,
  asarray,
  concat,
  customGradient,
  full,
  logSoftmax,
  logsumexp,
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
  const spread = states.expandDims({ axis: 1 }).broadcastTo([batch, time, 2 * length + 1]);
  const emitted = takeAlongAxis(logSoftmax(logits), spread, { axis: 2 });
  const end = labels.notEqual(0).astype("int32").sum({ axis: 1, keepdims: true }).mul(2);
  const { likelihood, weights } = alignments(states, end, emitted);
  // By hand, since a step of either recursion is one kernel: ∂ log-likelihood / ∂ emitted is how likely each state is at each time.
  const known = customGradient(
    () => likelihood(),
    (g) => weights().mul(g.reshape([-1, 1, 1])),
  );
  const loss = known(emitted).neg();
  return where(loss.greater(-never / 2), Number.POSITIVE_INFINITY, loss);
}

/** log(eᵃ + eᵇ + eᶜ). */
function logSumExp(a: Tensor, b: Tensor, c: Tensor): Tensor {
  const m = a.maximum(b).maximum(c);
  return [a, b, c]
    .map((x) => x.sub(m).exp())
    .reduce((x, y) => x.add(y))
    .log()
    .add(m);
}

/** All ways through `states` [batch, count] up to `end` [batch, 1], for log-probabilities `emitted` [batch, time, count]. */
function alignments(states: Tensor, end: Tensor, emitted: Tensor): { likelihood: () => Tensor; weights: () => Tensor } {
  const [, time, count] = emitted.shape as [number, number, number];
  const place = arange(count, { dtype: "int32" });
  /** What is `by` states earlier (later, if negative); `never` beyond the ends. */
  const shifted = (x: Tensor, by: number): Tensor => {
    const from = place.sub(by);
    const moved = x
      .pad([
        [0, 0],
        [Math.max(by, 0), Math.max(-by, 0)],
      ])
      .get(":", by > 0 ? `:${count}` : `${-by}:`);
    return where(from.greaterEqual(0).logicalAnd(from.less(count)), moved, never);
  };
  // A blank between two labels may be left out unless they are equal: whether a state can come right after the one two before.
  const earlier = states
    .pad([
      [0, 0],
      [2, 0],
    ])
    .get(":", `:${count}`);
  const maySkip = states.notEqual(0).logicalAnd(states.notEqual(earlier));
  const at = (t: number): Tensor => emitted.get(":", t);
  const atEnd = place.equal(end).logicalOr(place.equal(end.sub(1)));

  // Log-probabilities of the labels up to each state at each time, and of the rest from there on.
  const forward = [where(place.less(2), at(0), never)];
  for (let t = 1; t < time; t++) {
    const before = forward[t - 1]!;
    const skipped = where(maySkip, shifted(before, 2), never);
    forward.push(logSumExp(before, shifted(before, 1), skipped).add(at(t)));
  }
  const likelihood = (): Tensor => logsumexp(where(atEnd, forward[time - 1]!, never), { axis: 1 });
  const weights = (): Tensor => {
    const backward = [where(atEnd, zerosLike(at(0)), never)];
    for (let t = time - 2; t >= 0; t--) {
      const after = backward[0]!.add(at(t + 1));
      const skipped = shifted(where(maySkip, after, never), -2);
      backward.unshift(logSumExp(after, shifted(after, -1), skipped));
    }
    const through = stack(forward, { axis: 1 }).add(stack(backward, { axis: 1 }));
    return through.sub(likelihood().reshape([-1, 1, 1])).exp();
  };
  return { likelihood, weights };
}

/** `ctc` as a loss. */
export class CTC extends FunctionLoss {
  static override readonly className = "CTC";
  constructor(options: LossOptions = {}) {
    super("ctc", ctc, options);
  }
}

lossRegistry.register(CTC, "ctc");
