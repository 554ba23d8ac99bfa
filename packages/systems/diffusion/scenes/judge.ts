import type { Seen, SeenThing } from "./detector.ts";
import type { Group, Place, Relation, Statement } from "./statement.ts";

/** How much of what a caption says is so on a picture. What the caption leaves open does not count. */
export interface Verdict {
  /** For each kind of statement: how many there are, and how many are right. */
  readonly colour: Share;
  readonly shape: Share;
  readonly size: Share;
  readonly count: Share;
  readonly position: Share;
  readonly ground: Share;
}
export interface Share {
  readonly right: number;
  readonly said: number;
}
export const attributes = ["colour", "shape", "size", "count", "position", "ground"] as const;

/**
 * Compares a caption with what a detector sees on a picture. Each thing that there is belongs to the group that it is most like; a group's
 * colour, shape and size are right where all its things have them, its count where the number is right. Nothing seen of a group: all of it
 * is wrong, its place too.
 */
export function judge({ groups, position, ground }: Statement, seen: Seen): Verdict {
  const shares = sharesOf(groups, seen.things);
  const right = (what: (group: Group, things: readonly SeenThing[]) => boolean): Share => ({
    right: groups.filter((g, i) => shares[i]!.length > 0 && what(g, shares[i]!)).length,
    said: groups.length,
  });
  const sized = groups.filter((g) => g.size !== null);
  return {
    colour: right((g, things) => things.every((t) => t.colour === g.colour)),
    shape: right((g, things) => things.every((t) => t.shape === g.shape)),
    size: {
      right: sized.filter((g) => {
        const things = shares[groups.indexOf(g as never)]!;
        return things.length > 0 && things.every((t) => t.size === g.size);
      }).length,
      said: sized.length,
    },
    count: right((g, things) => things.length === g.count),
    position: position ? { right: Number(shares.every((s) => s.length) && liesAs(position, shares)), said: 1 } : { right: 0, said: 0 },
    ground: ground ? { right: Number(seen.ground === ground), said: 1 } : { right: 0, said: 0 },
  };
}

/** Whether all that a caption says is so. */
export const allRight = (verdict: Verdict): boolean => attributes.every((a) => verdict[a].right === verdict[a].said);

/** The sum of verdicts, for shares over many pictures. */
export const sumOf = (verdicts: readonly Verdict[]): Verdict =>
  Object.fromEntries(
    attributes.map((a) => [a, { right: sum(verdicts.map((v) => v[a].right)), said: sum(verdicts.map((v) => v[a].said)) }]),
  ) as unknown as Verdict;

/** Of everything that captions said, the share that is right. */
export const overall = (verdict: Verdict): number =>
  sum(attributes.map((a) => verdict[a].right)) / Math.max(1, sum(attributes.map((a) => verdict[a].said)));

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** The things of each group. Of groups that a thing is equally like, the one that still wants things. */
function sharesOf(groups: readonly Group[], things: readonly SeenThing[]): readonly SeenThing[][] {
  const shares: SeenThing[][] = groups.map(() => []);
  const likeness = (t: SeenThing, g: Group): number =>
    2 * Number(t.colour === g.colour) + 2 * Number(t.shape === g.shape) + Number(t.size === g.size);
  const surest = [...things].sort(
    (a, b) => Math.max(...groups.map((g) => likeness(b, g))) - Math.max(...groups.map((g) => likeness(a, g))),
  );
  for (const thing of surest) {
    const [first, second] = groups.map((g, i) => likeness(thing, g) + (shares[i]!.length < g.count ? 0.5 : 0)) as [number, number?];
    shares[second !== undefined && second > first ? 1 : 0]!.push(thing);
  }
  return shares;
}

/** Limits that scenes keep with room to spare, in pixels: halves end at 26 and begin at 38, thirds at 20 and 44. */
const middle = 32;
const third = [23, 41] as const;

function liesAs(position: Place | Relation, [first, second]: readonly (readonly SeenThing[])[]): boolean {
  const [xs, ys] = [first!.map((t) => t.x), first!.map((t) => t.y)];
  if (second) {
    const along = position === "above" || position === "below" ? "y" : "x";
    const [a, b] = [first!.map((t) => t[along]), second.map((t) => t[along])];
    return position === "above" || position === "left of" ? Math.max(...a) < Math.min(...b) : Math.min(...a) > Math.max(...b);
  }
  const alone = first!.length === 1;
  const [low, high] = alone ? third : [middle, middle];
  const is = (values: readonly number[], lower: string, upper: string): boolean => {
    if (position.includes(lower)) return Math.max(...values) < low;
    if (position.includes(upper)) return Math.min(...values) > high;
    if (position === "middle") return Math.min(...values) > (alone ? low : 14) && Math.max(...values) < (alone ? high : 50);
    return !alone || (Math.min(...values) > low && Math.max(...values) < high);
  };
  return is(xs, "left", "right") && is(ys, "top", "bottom");
}
