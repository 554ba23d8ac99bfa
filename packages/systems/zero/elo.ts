/** Games between two players. */
export interface Score {
  readonly a: number;
  readonly b: number;
  /** Of a. */
  readonly wins: number;
  readonly draws: number;
  readonly losses: number;
}

export interface Rating {
  /** Elo, the first player's being 0. */
  readonly elo: number;
  /** Half the width of the interval that holds the true difference to the first player with 95 %. */
  readonly margin: number;
}

const perElo = Math.LN10 / 400;

/**
 * Ratings that make the results likeliest (Bradley and Terry 1952; a draw is half a win), the first player's fixed at 0. Between any two
 * that met, a draw more is taken as played, so that who won everything has a finite rating.
 */
export function ratings(players: number, scores: readonly Score[]): Rating[] {
  if (!players) return [];
  // Points and games between pairs.
  const points = Array.from({ length: players }, () => new Float64Array(players));
  const games = Array.from({ length: players }, () => new Float64Array(players));
  for (const { a, b, wins, draws, losses } of scores) {
    points[a]![b]! += wins + draws / 2;
    points[b]![a]! += losses + draws / 2;
    games[a]![b]! += wins + draws + losses;
    games[b]![a]! += wins + draws + losses;
  }
  for (let i = 0; i < players; i++)
    for (let j = 0; j < players; j++)
      if (games[i]![j]) {
        points[i]![j]! += 0.5;
        games[i]![j]! += 1;
      }
  const strength = new Float64Array(players);
  const n = players - 1;
  let covariance: number[][] = [];
  // Newton's method: the likelihood is concave, and steps are held to what its quadratic model is good for.
  for (let round = 0; round < 100; round++) {
    const gradient = new Array<number>(n).fill(0);
    const hessian = Array.from({ length: n }, () => new Array<number>(n).fill(0));
    for (let i = 1; i < players; i++)
      for (let j = 0; j < players; j++) {
        if (!games[i]![j]) continue;
        const p = 1 / (1 + Math.exp(strength[j]! - strength[i]!));
        const weight = games[i]![j]! * p * (1 - p);
        gradient[i - 1]! += points[i]![j]! - games[i]![j]! * p;
        hessian[i - 1]![i - 1]! += weight;
        if (j > 0) hessian[i - 1]![j - 1]! -= weight;
      }
    for (let i = 0; i < n; i++) hessian[i]![i]! += 1e-9;
    covariance = inverse(hessian);
    const step = covariance.map((row) => row.reduce((sum, x, k) => sum + x * gradient[k]!, 0));
    const longest = Math.max(0, ...step.map(Math.abs));
    step.forEach((x, i) => {
      strength[i + 1]! += x * Math.min(1, 2 / longest);
    });
    if (longest < 1e-9) break;
  }
  return Array.from(strength, (s, i) => ({ elo: s / perElo, margin: i ? (1.96 * Math.sqrt(covariance[i - 1]![i - 1]!)) / perElo : 0 }));
}

function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...Array.from({ length: n }, (_, k) => Number(i === k))]);
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(rows[r]![i]!) > Math.abs(rows[pivot]![i]!)) pivot = r;
    [rows[i], rows[pivot]] = [rows[pivot]!, rows[i]!];
    const divisor = rows[i]![i]!;
    rows[i] = rows[i]!.map((x) => x / divisor);
    for (let r = 0; r < n; r++) {
      if (r === i || !rows[r]![i]) continue;
      const factor = rows[r]![i]!;
      rows[r] = rows[r]!.map((x, k) => x - factor * rows[i]![k]!);
    }
  }
  return rows.map((row) => row.slice(n));
}

/** Share of the points and the interval that holds the true one with 95 % (Wilson 1927). */
export function share(
  wins: number,
  draws: number,
  losses: number,
): { readonly share: number; readonly low: number; readonly high: number } {
  const n = wins + draws + losses;
  const p = (wins + draws / 2) / n;
  const z2 = 1.96 ** 2;
  const middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const half = (1.96 / (1 + z2 / n)) * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  return { share: p, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
