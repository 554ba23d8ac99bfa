import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { gameOf, loadZero, parseDescription, type Recipe, recipeOf, type TrainingUpdate, train } from "@gradus/systems/zero";
import { RunFolder, SelfPlayThreads } from "@gradus/systems/zero/node";
import { ArgumentError } from "@gradus/tensor";
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
  const { seed, json = false, threads = availableParallelism() } = options;
  const say = (text: string) => !json && line(text);
  const tell = (event: object) => json && line(JSON.stringify(event));
  const game = await gameOf(options.game);
  const recipe = recipeWith(options);
  const folder = options.out ?? join("runs", `zero-${game.name}`);
  const from = options.from === undefined ? undefined : await weightsFrom(options.from, game.name, recipe);
  const settings = { system: "zero", game: game.name, recipe, seed, threads, from: options.from ?? null };
  const { resumed, end } = await beginRun(command, folder, settings, options.fresh, "state.json");
  if (options.fresh) await clear(folder);
  const archive = new RunFolder(folder);

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
    players: (s) => SelfPlayThreads.start(threads, { game: game.name, network: recipe.network, options: selfPlay }, (i) => s * 64 + i),
  });
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
      show(value);
      continue;
    }
    progress.stop();
    const { learner, state } = value;
    const seconds = Math.round(state.rounds.reduce((sum, r) => sum + r.playing + r.learning, 0));
    const record: ZeroRecord = {
      ...{ system: "zero", game: game.name, network: recipe.network },
      ...{ command: `gradus ${process.argv.slice(2).join(" ")}`, recipe, seed, threads, seconds, resumed },
      ...{ rounds: state.rounds, rated: state.rated },
    };
    await learner.model.saveWeights(join(folder, "weights.safetensors"));
    await writeText(join(folder, "weights.json"), `${JSON.stringify(record)}\n`);
    await writeText(join(folder, "report.html"), zeroReport(game, record));
    await archive.end();
    await end();
    tell({ event: "end", games: state.rounds.at(-1)!.games, seconds, folder });
    say(`\n${join(folder, "report.html")} shows how it went; weights.safetensors and weights.json are the player:`);
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

/** Takes an earlier run away. */
async function clear(folder: string): Promise<void> {
  for (const name of ["games", "networks", "state.json"]) await rm(join(folder, name), { recursive: true, force: true });
}
