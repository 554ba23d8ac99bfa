import type { Tensor } from "@gradus/tensor";
import type { CallOptions, Layer } from "./layer.ts";

/** What holds for all layers called while a model is called: nested calls inherit it. */
export interface CallContext {
  readonly training: boolean;
  /** Losses that layers add during the call (`addLoss`, activity regularizers). */
  readonly losses: Tensor[];
  /** Told every call of a layer, inner ones first: finds where NaN came from, and what an exported graph is made of. */
  readonly observe?: (layer: Layer, output: unknown, inputs: readonly Tensor[], options: CallOptions) => void;
}

let current: CallContext | null = null;

export const callContext = (): CallContext | null => current;

/** Whether layers called now behave as in training: dropout drops, batch statistics are used. */
export const isTraining = (): boolean => current?.training ?? false;

/** Runs `body` with a context of its own and gives back the one before. */
export function withContext<T>(context: CallContext, body: () => T): T {
  const outer = current;
  current = context;
  try {
    return body();
  } finally {
    current = outer;
  }
}
