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
export function judge(statement: Statement, seen: Seen): Verdict {
  const { groups, position, ground } = statement;
  const shares = sharesOf(groups, seen.things);
  return {
    ...sumOf(groups.map((group, i) => groupVerdict(group, shares[i]!))),
    position: position ? share(shares.every((s) => s.length) && liesAs(position, shares)) : unsaid,
    ground: ground ? share(seen.ground === ground) : unsaid,
  };
}

/** What `judge` finds of each group alone: place and ground are no group's. */
export function judgeGroups({ groups }: Statement, seen: Seen): readonly Verdict[] {
  const shares = sharesOf(groups, seen.things);
  return groups.map((group, i) => groupVerdict(group, shares[i]!));
}

const unsaid: Share = { right: 0, said: 0 };
const share = (right: boolean): Share => ({ right: Number(right), said: 1 });

function groupVerdict({ colour, shape, size, count }: Group, things: readonly SeenThing[]): Verdict {
  const all = (is: (t: SeenThing) => boolean): Share => share(things.length > 0 && things.every(is));
  return {
    colour: all((t) => t.colour === colour),
    shape: all((t) => t.shape === shape),
    size: size === null ? unsaid : all((t) => t.size === size),
    count: share(things.length === count),
    ...{ position: unsaid, ground: unsaid },
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
