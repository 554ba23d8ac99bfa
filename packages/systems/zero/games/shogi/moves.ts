import type { Side } from "../game.ts";
import { jumps, opposite, rays, squares } from "./pieces.ts";

/**
 * Moves by number, as the side to move sees the board (Silver and others 2018, table S2): 139 for each square. Those of a piece on it: 64 by
 * direction and distance, knights' jumps to the left and to the right, and the same 66 promoting; then the seven kinds that can be dropped
 * there.
 */
export const movePlanes = 139;
export const jumpPlane = 64;
export const promotingPlane = 66;
export const dropPlane = 132;

export interface Move {
  /** -1 for a drop. */
  readonly from: number;
  /** -1 where it leads off the board. */
  readonly to: number;
  readonly promote: boolean;
  /** The kind that is dropped, else 0. */
  readonly drop: number;
}

/** A square as a side sees it, and back. */
export const turned = (square: number, side: Side): number => (side ? squares - 1 - square : square);

/** As USI writes squares: "7g". */
export const squareName = (square: number): string => `${9 - (square % 9)}${"abcdefghi"[Math.floor(square / 9)]}`;

/** What a number means to a side. */
export function decode(action: number, side: Side): Move {
  const square = turned(Math.floor(action / movePlanes), side);
  let plane = action % movePlanes;
  if (plane >= dropPlane) return { from: -1, to: square, promote: false, drop: plane - dropPlane + 1 };
  const promote = plane >= promotingPlane;
  if (promote) plane -= promotingPlane;
  let to: number | undefined;
  if (plane >= jumpPlane) to = jumps[2 * (squares * side + square) + plane - jumpPlane];
  else to = rays[8 * square + (side ? opposite(plane >> 3) : plane >> 3)]![plane & 7];
  return { from: square, to: to ?? -1, promote, drop: 0 };
}
