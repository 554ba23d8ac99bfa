/** In-context learning (Brown et al. 2020): what a network does with a few examples in its prompt, and how that arises. */
export { type Answered, type EvaluateOptions, type Evaluation, evaluate } from "./evaluate.ts";
export {
  type HeadScores,
  type InductionMeasurement,
  type InductionOptions,
  type InductionResult,
  type InductionUpdate,
  induction,
  type Repeated,
  repeatedSequence,
} from "./experiment.ts";
export { type Item, promptFor, type Task, taskFrom, taskNames, taskOf, wordsOf } from "./tasks.ts";
