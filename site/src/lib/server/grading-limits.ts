import { availableParallelism } from "node:os";

/** What grading may take on this machine. */
export interface GradingLimits {
  /** Processor time of one submission, in seconds. On a busy machine it may last four times as long. */
  readonly seconds: number;
  readonly megabytes: number;
  /** Submissions at a time. */
  readonly concurrent: number;
}

/** From GRADUS_GRADING_SECONDS, GRADUS_GRADING_MEGABYTES and GRADUS_GRADERS. Throws a sentence where one makes no sense. */
export function gradingLimits(env: Readonly<Record<string, string | undefined>> = process.env): GradingLimits {
  const number = (name: string, usual: number, least: number, most: number): number => {
    const value = env[name] ? Number(env[name]) : usual;
    if (!(Number.isInteger(value) && value >= least && value <= most))
      throw new Error(`${name} should be a whole number from ${least} to ${most}. Received: ${env[name]}`);
    return value;
  };
  return {
    seconds: number("GRADUS_GRADING_SECONDS", 90, 1, 3600),
    megabytes: number("GRADUS_GRADING_MEGABYTES", 1536, 128, 65_536),
    concurrent: number("GRADUS_GRADERS", Math.min(2, availableParallelism()), 1, 64),
  };
}
