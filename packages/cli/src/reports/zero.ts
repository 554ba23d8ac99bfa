import type { PlotContent } from "@gradus/notebook/output";
import { type FinishedGame, type Game, type NetworkConfig, type Rated, type Recipe, type Round, ratingsOf } from "@gradus/systems/zero";
import { moveNames } from "@gradus/systems/zero/node";
import { timeLeft } from "../terminal.ts";
import { type Link, report, type Section } from "./report.ts";

/** What is written beside trained weights. */
export interface ZeroRecord {
  readonly system: "zero";
  readonly game: string;
  readonly network: NetworkConfig;
  readonly command: string;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly threads: number;
  readonly seconds: number;
  readonly resumed: boolean;
  readonly rounds: readonly Round[];
  readonly rated: readonly Rated[];
}

/** A game as its moves and its end. */
export function sampleGame(game: Game, { moves, reason }: Pick<FinishedGame, "moves" | "reason">): string {
  return `${moveNames(game, moves).join(" ")}  (${reason})`;
}

/** How a run of `gradus train zero` went, or goes, as a page. */
export function zeroReport(game: Game, { recipe, rounds, rated, ...r }: ZeroRecord, files: readonly Link[], live = false): string {
  const elo = ratingsOf(rated);
  const last = elo.at(-1);
  const games = rounds.map(({ games }) => games);
  const plot = (
    label: string,
    series: readonly (readonly [string, readonly number[], "data" | "model" | "truth"])[],
    x = games,
  ): PlotContent => ({
    kind: "plot",
    marks: series.map(([name, y, color]) => ({ mark: "line", x: [...x], y: [...y], color, label: name })),
    options: { x: { label: "games" }, y: { label } },
  });
  const ratedAt = rated.map(({ round }) => rounds[round - 1]!.games);
  const opening = new Map<string, number>();
  for (const { firstMoves } of rounds.slice(-5))
    for (const [name, n] of Object.entries(firstMoves)) opening.set(name, (opening.get(name) ?? 0) + n);
  const openings = [...opening].sort(([, a], [, b]) => b - a).slice(0, 8);
  const all = openings.reduce((sum, [, n]) => sum + n, 0);
  const samples = rated
    .slice(-3)
    .flatMap(({ round, samples }) => samples.slice(0, 1).map((s) => `after ${rounds[round - 1]!.games} games: ${sampleGame(game, s)}`));
  const eloSection: Section = {
    kind: "plot",
    caption: "Elo with its 95 % interval, from matches of each network with earlier ones; the first is 0.",
    plot: plot(
      "Elo",
      [
        ["Elo", elo.map((e) => e.elo), "data"],
        ["upper", elo.map((e) => e.elo + e.margin), "truth"],
        ["lower", elo.map((e) => e.elo - e.margin), "truth"],
      ],
      ratedAt,
    ),
  };
  const sections: Section[] = [
    {
      kind: "table",
      rows: [
        ["Command", r.command],
        [
          "Games",
          `${games.at(-1)!.toLocaleString("en")}${live ? ` of ${recipe.games.toLocaleString("en")}` : ""}, ${rounds.at(-1)!.positions.toLocaleString("en")} positions`,
        ],
        ["Network", `${r.network.blocks} blocks of ${r.network.filters} channels`],
        ["Search", `${recipe.selfPlay.search === "gumbel" ? "Gumbel" : "PUCT"}, ${recipe.selfPlay.simulations} simulations a move`],
        ["Time", `${timeLeft(r.seconds)}, ${r.threads} threads${r.resumed ? ", not in one piece" : ""}`],
        ...(last
          ? ([["Elo", `${last.elo.toFixed(0)} ± ${last.margin.toFixed(0)} against the first network that was rated`]] as const)
          : []),
        ["First moves", openings.map(([name, n]) => `${name} ${Math.round((100 * n) / all)} %`).join(", ")],
      ],
    },
    ...(rated.length ? [eloSection] : []),
    {
      kind: "plot",
      caption: "Losses: cross-entropy between search and policy in nats, squared error of the value.",
      plot: plot("loss", [
        ["policy", rounds.map(({ losses }) => losses.policy), "data"],
        ["value", rounds.map(({ losses }) => losses.value), "model"],
      ]),
    },
    { kind: "plot", caption: "Moves in a game.", plot: plot("moves", [["length", rounds.map(({ gameLength }) => gameLength), "data"]]) },
    {
      kind: "plot",
      caption: "Share of the games that the first player wins, and of those drawn.",
      plot: plot("share", [
        ["first wins", rounds.map(({ results: { first, draws, second } }) => first / (first + draws + second)), "data"],
        ["drawn", rounds.map(({ results: { first, draws, second } }) => draws / (first + draws + second)), "model"],
      ]),
    },
  ];
  if (files.length)
    sections.push(
      { kind: "verbatim", caption: "Games of the matches.", text: samples.join("\n\n") },
      { kind: "links", caption: "Games of the matches as files.", links: files },
    );
  return report(`${game.title}, learned from games against itself`, sections, live ? 10 : undefined);
}
