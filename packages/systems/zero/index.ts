export { checkRecipe, type Recipe, recipeOf } from "./config.ts";
export { type Rating, ratings, type Score, share } from "./elo.ts";
export { loadZero, parseDescription, type ZeroDescription } from "./files.ts";
export {
  boardSymmetries,
  connectFour,
  type DrawnBoard,
  defineGame,
  type Game,
  GoGame,
  type GoOptions,
  GoState,
  gameOf,
  go,
  type Outcome,
  othello,
  type Rules,
  ShogiState,
  type Side,
  type State,
  type Symmetry,
  shogi,
  shogiBoard,
  ticTacToe,
} from "./games/index.ts";
export { Learner } from "./learner.ts";
export {
  distinct,
  type FinishedGame,
  forfeits,
  type MatchSettings,
  match,
  playMatch,
  type Tally,
  type Termination,
  tally,
} from "./match.ts";
export { type NetworkConfig, zeroNetwork } from "./model.ts";
export { evaluatorOf, together } from "./network.ts";
export { NetworkPlayer, type NetworkPlayerOptions } from "./network-player.ts";
export { type Candidate, type Choice, LateError, type Limits, type Player, randomPlayer } from "./player.ts";
export { Gtp, type GtpOptions } from "./protocols/gtp.ts";
export { type Dialect, type Setting, type UniversalOptions, UniversalProtocol } from "./protocols/universal.ts";
export { usi } from "./protocols/usi.ts";
export { readSgf, type SgfInfo, writeSgf } from "./records/sgf.ts";
export { type GumbelOptions, gumbel } from "./search/gumbel.ts";
export { type PuctOptions, puct } from "./search/puct.ts";
export { type Evaluator, type Opinions, search, Transpositions } from "./search/search.ts";
export { meanOf, type Node, type Strategy, Tree } from "./search/tree.ts";
export { type PlayedGame, SelfPlay, type SelfPlayOptions } from "./self-play.ts";
export { type Rated, type Round, type RunState, ratingsOf, type TrainingUpdate, train } from "./train.ts";
