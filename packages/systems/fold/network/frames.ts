import { concat, cross, type DType, type Shape, stack, sum, type Tensor, zeros } from "@gradus/tensor";

/** Rigid transforms x → R x + t: where a local frame lies. */
export interface Frames {
  /** [..., 3, 3] */
  readonly rotation: Tensor;
  /** [..., 3] */
  readonly translation: Tensor;
}

/** R x for [..., 3, 3] and [..., 3], whose other axes broadcast. */
export const rotate = (rotation: Tensor, x: Tensor): Tensor => sum(rotation.mul(x.expandDims({ axis: -2 })), { axis: -1 });

/** The product of rotations [..., 3, 3], whose other axes broadcast. */
export const rotateFrames = (a: Tensor, b: Tensor): Tensor => sum(a.expandDims({ axis: -1 }).mul(b.expandDims({ axis: -3 })), { axis: -2 });

/** Local points [..., 3] to global ones. */
export const apply = ({ rotation, translation }: Frames, x: Tensor): Tensor => rotate(rotation, x).add(translation);

/** Global points [..., 3] to local ones. */
export const applyInverse = ({ rotation, translation }: Frames, x: Tensor): Tensor =>
  sum(rotation.mul(x.sub(translation).expandDims({ axis: -1 })), { axis: -2 });

/** First b, then a. */
export const compose = (a: Frames, b: Frames): Frames => ({
  rotation: rotateFrames(a.rotation, b.rotation),
  translation: apply(a, b.translation),
});

/** Frames with new axes, such as `at(frames, "...", null)` to broadcast. */
export const at = ({ rotation, translation }: Frames, ...index: (number | string | null)[]): Frames => ({
  rotation: rotation.get(...index, ":", ":"),
  translation: translation.get(...index, ":"),
});

/** Frames whose first axes have another shape. */
export const reshapeFrames = ({ rotation, translation }: Frames, shape: Shape): Frames => ({
  rotation: rotation.reshape([...shape, 3, 3]),
  translation: translation.reshape([...shape, 3]),
});

/** 4 x 4 matrices [..., 4, 4] as frames. */
export const fromMatrices = (matrices: Tensor): Frames => ({
  rotation: matrices.get("..., :3, :3"),
  translation: matrices.get("..., :3, 3"),
});

/** Frames as 4 x 4 matrices. */
export function toMatrices({ rotation, translation }: Frames): Tensor {
  const top = concat([rotation, translation.expandDims({ axis: -1 })], { axis: -1 });
  const zero = zeros([...rotation.shape.slice(0, -2), 1, 4], { dtype: rotation.dtype });
  return concat([top, concat([zero.get("..., :3"), zero.get("..., 3:").add(1)], { axis: -1 })], { axis: -2 });
}

/** Rotations of unit quaternions (w, x, y, z): [..., 4] → [..., 3, 3]. */
export function quaternionToRotation(quaternion: Tensor): Tensor {
  const [w, x, y, z] = [0, 1, 2, 3].map((i) => quaternion.get("...", i)) as [Tensor, Tensor, Tensor, Tensor];
  const twice = (a: Tensor, b: Tensor) => a.mul(b).mul(2);
  const [ww, xx, yy, zz] = [w, x, y, z].map((v) => v.square()) as [Tensor, Tensor, Tensor, Tensor];
  const [xy, xz, yz] = [twice(x, y), twice(x, z), twice(y, z)];
  const [wx, wy, wz] = [twice(w, x), twice(w, y), twice(w, z)];
  const rows = [
    [ww.add(xx).sub(yy).sub(zz), xy.sub(wz), xz.add(wy)],
    [xy.add(wz), ww.sub(xx).add(yy).sub(zz), yz.sub(wx)],
    [xz.sub(wy), yz.add(wx), ww.sub(xx).sub(yy).add(zz)],
  ];
  return stack(rows.flat(), { axis: -1 }).reshape([...w.shape, 3, 3]);
}

/** The product of quaternions (w, x, y, z): [..., 4]. */
export function multiplyQuaternions(a: Tensor, b: Tensor): Tensor {
  const [aw, bw] = [a.get("..., :1"), b.get("..., :1")];
  const [av, bv] = [a.get("..., 1:"), b.get("..., 1:")];
  const scalar = aw.mul(bw).sub(sum(av.mul(bv), { axis: -1, keepdims: true }));
  return concat([scalar, aw.mul(bv).add(bw.mul(av)).add(cross(av, bv))], { axis: -1 });
}

/** Unit quaternions at the origin: [..., 4]. */
export function identityQuaternions(shape: Shape, dtype: DType): Tensor {
  const zero = zeros([...shape, 4], { dtype });
  return concat([zero.get("..., :1").add(1), zero.get("..., 1:")], { axis: -1 });
}

/** Vectors [..., 3] to length 1, or nearly so where they are very short. */
export const normalise = (x: Tensor, epsilon = 1e-8): Tensor => x.div(sum(x.square(), { axis: -1, keepdims: true }).add(epsilon).sqrt());

/**
 * Algorithm 21: frames at `origin`, with `back` on the negative x axis and `beside` in the xy plane, on the positive side. All are
 * [..., 3].
 */
export function framesFromPoints(back: Tensor, origin: Tensor, beside: Tensor): Frames {
  const e0 = normalise(origin.sub(back));
  const towards = beside.sub(origin);
  const e1 = normalise(towards.sub(e0.mul(sum(e0.mul(towards), { axis: -1, keepdims: true }))));
  return { rotation: stack([e0, e1, cross(e0, e1)], { axis: -1 }), translation: origin };
}
