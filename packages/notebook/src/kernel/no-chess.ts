/** Stands for the rules of chess in the cells of a page, where whoever plays chess loads them. */
import { StateError } from "@gradus/tensor";

export const chess = null;
throw new StateError(
  "gameOf",
  "chess is not loaded",
  'In a cell, take it from the module of its own: import { chess } from "@gradus/systems/zero/chess"',
);
