import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import {
  checkRecipe,
  type Game,
  gameOf,
  loadZero,
  parseDescription,
  type Rated,
  type Recipe,
  type Round,
  recipeOf,
  type TrainingUpdate,
  train,
} from "@gradus/systems/zero";
import { mostThreads, RunFolder, record, SelfPlayThreads } from "@gradus/systems/zero/node";
import { ArgumentError } from "@gradus/tensor";
import { makeFolder } from "@gradus/tensor/io";
import { ownErrors } from "../own-errors.ts";
import type { Link } from "../reports/report.ts";
import { sampleGame, type ZeroRecord, zeroReport } from "../reports/zero.ts";
import { beginRun, Pace, writeText } from "../run.ts";
import { bar, indented, line, styled, timeLeft } from "../terminal.ts";

const command = "gradus train zero";

export interface TrainZeroOptions {
  readonly game: string;
  readonly games?: number;
  readonly simulations?: number;
  readonly filters?: number;
  readonly blocks?: number;
  readonly search?: "gumbel" | "puct";
  readonly threads?: number;
  /** A folder or `.safetensors` file with weights to begin with. */
  readonly from?: string;
  readonly seed: number;
  readonly out?: string;
  readonly fresh?: boolean;
  readonly json?: boolean;
}

/** `gradus train zero`: games against itself and learning from them; can be stopped at any moment and goes on. */
export async function trainZero(options: TrainZeroOptions): Promise<void> {
  const { seed, json = false, threads = Math.min(mostThreads, availableParallelism()) } = options;
  if (threads > mostThreads) throw new ArgumentError(command, `--threads is ${threads}`, `Give at most ${mostThreads}`);
  const say = (text: string) => !json && line(text);
  const tell = (event: object) => json && line(JSON.stringify(event));
  const game = await gameOf(options.game);
  const recipe = recipeWith(options);
  await ownErrors(command, "the settings", () => checkRecipe(recipe));
  const folder = options.out ?? join("runs", `zero-${game.name}`);
  const from = options.from === undefined ? undefined : await weightsFrom(options.from, game.name, recipe);
  const settings = { system: "zero", game: game.name, recipe, seed, threads, from: options.from ?? null };
  const kept = { state: ["state.json"], folders: ["games", "networks", "samples"] };
  const { resumed, end } = await beginRun(command, folder, settings, options.fresh, kept);
  const archive = new RunFolder(folder, game);

  const { filters, blocks } = recipe.network;
  const { selfPlay } = recipe;
  say(
    `${styled("bold", game.title)}, ${blocks} blocks of ${filters} channels; ${recipe.games.toLocaleString("en")} games against itself, ` +
      `${selfPlay.simulations} simulations a move (${selfPlay.search === "gumbel" ? "Gumbel" : "PUCT"}), ${threads} threads`,
  );
  if (resumed) say("A run that was stopped is there: it goes on.");
  say(`Stop with Ctrl+C whenever you like; the same command goes on. All that comes out is in ${folder}.\n`);

  const run = train(game, recipe, {
    ...{ seed, archive, ...(from ? { from } : {}) },
    players: (s) =>
      SelfPlayThreads.start(threads, { game: game.name, network: recipe.network, options: selfPlay }, (i) => s * mostThreads + i),
  });
  const rounds = [...(archive.state?.rounds ?? [])];
  const rated = [...(archive.state?.rated ?? [])];
  let samples = await writeSamples(folder, game, rounds, rated);
  const recordNow = (): ZeroRecord => ({
    ...{ system: "zero", game: game.name, network: recipe.network },
    ...{ command: `gradus ${process.argv.slice(2).join(" ")}`, recipe, seed, threads, resumed },
    ...{ seconds: Math.round(rounds.reduce((sum, r) => sum + r.playing + r.learning, 0)), rounds, rated },
  });
  const reportFile = join(folder, "report.html");
  const progress = bar("{bar} {percentage}% | {rate} games/s | {left} left", json);
  const pace = new Pace();
  const show = (update: TrainingUpdate): void => {
    if (update.kind === "game") {
      const { rate, left } = pace.at(update.games, update.of);
      progress.update(update.games, update.of, { rate: rate.toFixed(1), left: left === null ? "?" : timeLeft(left) });
    } else if (update.kind === "round") {
      const { round, games, positions, losses, gameLength, results, firstMoves, playing, learning, evaluations } = update.round;
      tell({ event: "round", round, games, positions, losses, gameLength, results, firstMoves, playing, learning, evaluations });
      const { left } = pace.at(games, recipe.games);
      const [first] = Object.entries(firstMoves).sort(([, a], [, b]) => b - a);
      progress.above(() =>
        say(
          `games ${String(games).padStart(String(recipe.games).length)}/${recipe.games}  policy ${losses.policy.toFixed(3)}  value ${losses.value.toFixed(3)}  ` +
            `${gameLength.toFixed(1)} moves${first ? `, first ${first[0]}` : ""}  ${Math.round(evaluations / Math.max(0.001, playing))} positions/s` +
            `${left && games < recipe.games ? `  ${timeLeft(left)} left` : ""}`,
        ),
      );
    } else if (update.kind === "rated") {
      const { rated, ratings } = update;
      const { elo, margin } = ratings.at(-1)!;
      tell({ event: "rated", round: rated.round, elo, margin, scores: rated.scores });
      progress.above(() => {
        if (ratings.length < 2) return;
        say(styled("bold", `Elo ${elo.toFixed(0)} ± ${margin.toFixed(0)} against the first network that was rated`));
        const sample = rated.samples[0];
        if (sample) say(styled("dim", indented(sampleGame(game, sample))));
      });
    }
  };
  for (;;) {
    const { value, done } = await run.next();
    if (!done) {
      if (value.kind === "round") rounds.push(value.round);
      if (value.kind === "rated") {
        rated.push(value.rated);
        samples = await writeSamples(folder, game, rounds, rated);
      }
      show(value);
      if (value.kind !== "game") await writeText(reportFile, zeroReport(game, recordNow(), samples, true));
      continue;
    }
    progress.stop();
    await value.learner.model.saveWeights(join(folder, "weights.safetensors"));
    const whole = recordNow();
    await writeText(join(folder, "weights.json"), `${JSON.stringify(whole)}\n`);
    await writeText(reportFile, zeroReport(game, whole, samples));
    await end(() => archive.end());
    tell({ event: "end", games: rounds.at(-1)!.games, seconds: whole.seconds, folder });
    say(`\n${reportFile} shows how it went; weights.safetensors and weights.json are the player:`);
    say(`  gradus play ${game.name} --weights ${join(folder, "weights.safetensors")}`);
    return;
  }
}

function recipeWith({ game, games, simulations, filters, blocks, search }: TrainZeroOptions): Recipe {
  const recipe = recipeOf(game);
  return {
    ...recipe,
    games: games ?? recipe.games,
    gamesPerRound: Math.min(recipe.gamesPerRound, games ?? recipe.games),
    network: { ...recipe.network, filters: filters ?? recipe.network.filters, blocks: blocks ?? recipe.network.blocks },
    selfPlay: { ...recipe.selfPlay, simulations: simulations ?? recipe.selfPlay.simulations, search: search ?? recipe.selfPlay.search },
  };
}

/** Weights of a run, for a network of the same size; with pooled heads also of another size of board. */
async function weightsFrom(path: string, game: string, recipe: Recipe): Promise<Float32Array[]> {
  const file = path.endsWith(".safetensors") ? path : join(path, "weights.safetensors");
  const beside = file.replace(/\.safetensors$/, ".json");
  if (!existsSync(file)) throw new ArgumentError(command, `there is no file ${file}`);
  const text = await readFile(beside, "utf8").catch(() => null);
  if (text === null) throw new ArgumentError(command, `there is no ${beside}, which says what network it is`);
  const description = parseDescription(text, beside);
  const [a, b] = [description.network, recipe.network];
  if (a.filters !== b.filters || a.blocks !== b.blocks || a.heads !== b.heads)
    throw new ArgumentError(
      command,
      `${file} has ${a.blocks} blocks of ${a.filters} channels, with ${a.heads} heads`,
      `Give --blocks ${a.blocks} --filters ${a.filters}`,
    );
  const { model } = await loadZero(description, file, game);
  return Promise.all(model.weights.map(async (w) => (await w.data()) as Float32Array));
}

/** Writes games of the networks that were rated last as files, for other programs. */
async function writeSamples(folder: string, game: Game, rounds: readonly Round[], rated: readonly Rated[]): Promise<Link[]> {
  const links: Link[] = [];
  const name = (round: number) => `after ${rounds[round - 1]!.games} games`;
  await makeFolder(join(folder, "samples"));
  for (const { round, scores, samples } of rated.slice(-3))
    for (const [i, sample] of samples.entries()) {
      const players = [name(round), name(rated[scores[i >> 1]!.b]!.round)] as const;
      const { text, ending } = await record(game, sample, players);
      const path = `samples/${String(round).padStart(5, "0")}-${i + 1}.${ending}`;
      await writeText(join(folder, path), text);
      links.push({ path, text: players.join(" - ") });
    }
  return links;
}
