import { ArgumentError, ShapeError } from "@gradus/tensor";

/** Points in space, x y z one after another, in ångström. */
export type Points = ArrayLike<number>;

/** The rigid motion x → R x + t. */
export interface RigidMotion {
  /** R, 3 × 3, row by row. */
  readonly rotation: Float64Array;
  readonly translation: Float64Array;
}

export interface Superposition extends RigidMotion {
  /** Root of the mean squared distance after the motion, in ångström. */
  readonly rmsd: number;
}

/** The number of points in both lists, which must be equal. */
export function countOf(operation: string, a: Points, b: Points): number {
  if (a.length % 3) throw new ShapeError(operation, `${a.length} numbers are no points of three coordinates`);
  if (a.length !== b.length)
    throw new ShapeError(operation, `there are ${a.length / 3} points on one side and ${b.length / 3} on the other`);
  return a.length / 3;
}

/**
 * The rigid motion that brings `moving` closest to `fixed`, point by point, in least squares (Kabsch 1976; by quaternions, Horn 1987, so
 * that it never mirrors). With `weights`, points count as much as they say; those of weight 0 may hold anything.
 */
export function superpose(moving: Points, fixed: Points, weights?: ArrayLike<number>): Superposition {
  const n = countOf("superpose", moving, fixed);
  if (weights && weights.length !== n) throw new ShapeError("superpose", `there are ${weights.length} weights for ${n} points`);
  const chosen: number[] = [];
  for (let i = 0; i < n; i++) {
    const weight = weights ? weights[i]! : 1;
    if (!(weight >= 0)) throw new ArgumentError("superpose", `the weight of point ${i} is ${weight}`);
    if (weight > 0) chosen.push(i);
  }
  if (!chosen.length) throw new ArgumentError("superpose", "there are no points", "Structures must have residues in common");
  const motion = fit(moving, fixed, chosen, chosen.length, weights);
  let [sum, total] = [0, 0];
  for (const i of chosen) {
    const weight = weights ? weights[i]! : 1;
    sum += weight * squaredDistance(motion, moving, fixed, i);
    total += weight;
  }
  const rmsd = Math.sqrt(sum / total);
  if (!Number.isFinite(rmsd)) throw new ArgumentError("superpose", "some coordinates are not finite numbers");
  return { ...motion, rmsd };
}

/** Root-mean-square distance after the best superposition, in ångström. */
export const rmsd = (moving: Points, fixed: Points, weights?: ArrayLike<number>): number => superpose(moving, fixed, weights).rmsd;

/** Points after a motion. */
export function moved({ rotation: r, translation: t }: RigidMotion, points: Points): Float64Array {
  const out = new Float64Array(points.length);
  for (let i = 0; i + 2 < points.length; i += 3) {
    const [x, y, z] = [points[i]!, points[i + 1]!, points[i + 2]!];
    out[i] = r[0]! * x + r[1]! * y + r[2]! * z + t[0]!;
    out[i + 1] = r[3]! * x + r[4]! * y + r[5]! * z + t[1]!;
    out[i + 2] = r[6]! * x + r[7]! * y + r[8]! * z + t[2]!;
  }
  return out;
}

/** Squared distance of point i after the motion from its counterpart. */
export function squaredDistance({ rotation: r, translation: t }: RigidMotion, moving: Points, fixed: Points, i: number): number {
  const [x, y, z] = [moving[3 * i]!, moving[3 * i + 1]!, moving[3 * i + 2]!];
  const dx = r[0]! * x + r[1]! * y + r[2]! * z + t[0]! - fixed[3 * i]!;
  const dy = r[3]! * x + r[4]! * y + r[5]! * z + t[1]! - fixed[3 * i + 1]!;
  const dz = r[6]! * x + r[7]! * y + r[8]! * z + t[2]! - fixed[3 * i + 2]!;
  return dx * dx + dy * dy + dz * dz;
}

/** The best motion for the first `count` of the `chosen` points. */
export function fit(moving: Points, fixed: Points, chosen: ArrayLike<number>, count: number, weights?: ArrayLike<number>): RigidMotion {
  let [mx, my, mz, fx, fy, fz, total] = [0, 0, 0, 0, 0, 0, 0];
  for (let k = 0; k < count; k++) {
    const at = 3 * chosen[k]!;
    const w = weights ? weights[chosen[k]!]! : 1;
    mx += w * moving[at]!;
    my += w * moving[at + 1]!;
    mz += w * moving[at + 2]!;
    fx += w * fixed[at]!;
    fy += w * fixed[at + 1]!;
    fz += w * fixed[at + 2]!;
    total += w;
  }
  mx /= total;
  my /= total;
  mz /= total;
  fx /= total;
  fy /= total;
  fz /= total;
  let [xx, xy, xz, yx, yy, yz, zx, zy, zz] = [0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let k = 0; k < count; k++) {
    const at = 3 * chosen[k]!;
    const w = weights ? weights[chosen[k]!]! : 1;
    const a = w * (moving[at]! - mx);
    const b = w * (moving[at + 1]! - my);
    const c = w * (moving[at + 2]! - mz);
    const x = fixed[at]! - fx;
    const y = fixed[at + 1]! - fy;
    const z = fixed[at + 2]! - fz;
    xx += a * x;
    xy += a * y;
    xz += a * z;
    yx += b * x;
    yy += b * y;
    yz += b * z;
    zx += c * x;
    zy += c * y;
    zz += c * z;
  }
  // Horn's matrix: its eigenvector of the largest eigenvalue is the rotation's quaternion.
  const [qw, qx, qy, qz] = largestEigenvector([
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, yy - xx - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, zz - xx - yy],
  ]);
  const rotation = new Float64Array([
    qw * qw + qx * qx - qy * qy - qz * qz,
    2 * (qx * qy - qw * qz),
    2 * (qx * qz + qw * qy),
    2 * (qx * qy + qw * qz),
    qw * qw - qx * qx + qy * qy - qz * qz,
    2 * (qy * qz - qw * qx),
    2 * (qx * qz - qw * qy),
    2 * (qy * qz + qw * qx),
    qw * qw - qx * qx - qy * qy + qz * qz,
  ]);
  const translation = new Float64Array([
    fx - (rotation[0]! * mx + rotation[1]! * my + rotation[2]! * mz),
    fy - (rotation[3]! * mx + rotation[4]! * my + rotation[5]! * mz),
    fz - (rotation[6]! * mx + rotation[7]! * my + rotation[8]! * mz),
  ]);
  return { rotation, translation };
}

type Four = [number, number, number, number];

/** Of a symmetric 4 × 4 matrix, by Jacobi's rotations; the matrix is overwritten. */
function largestEigenvector(m: [Four, Four, Four, Four]): Four {
  const v: [Four, Four, Four, Four] = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 1],
  ];
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    let diagonal = 0;
    for (let i = 0; i < 4; i++) {
      diagonal += m[i]![i]! ** 2;
      for (let j = i + 1; j < 4; j++) off += m[i]![j]! ** 2;
    }
    if (!(off > 1e-32 * diagonal)) break;
    for (let p = 0; p < 3; p++)
      for (let q = p + 1; q < 4; q++) {
        const apq = m[p]![q]!;
        if (apq === 0) continue;
        const theta = (m[q]![q]! - m[p]![p]!) / (2 * apq);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < 4; k++) {
          const [kp, kq] = [m[k]![p]!, m[k]![q]!];
          m[k]![p] = c * kp - s * kq;
          m[k]![q] = s * kp + c * kq;
        }
        for (let k = 0; k < 4; k++) {
          const [pk, qk] = [m[p]![k]!, m[q]![k]!];
          m[p]![k] = c * pk - s * qk;
          m[q]![k] = s * pk + c * qk;
          const [vp, vq] = [v[k]![p]!, v[k]![q]!];
          v[k]![p] = c * vp - s * vq;
          v[k]![q] = s * vp + c * vq;
        }
      }
  }
  let best = 0;
  for (let i = 1; i < 4; i++) if (m[i]![i]! > m[best]![best]!) best = i;
  const vector = v.map((row) => row[best]!) as Four;
  const norm = Math.hypot(...vector);
  return vector.map((x) => x / norm) as Four;
}
