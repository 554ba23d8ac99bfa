import type { RunChecks } from "@gradus/quiz";
import { Session } from "./session.svelte.ts";

/** Code that has not ended by then will not, in ms. */
const longest = 60_000;

/** Runs code of a quiz and its checks in a frame of its own, as cells run. For sites without a server to grade. */
export const runChecks: RunChecks = async (code, checks) => {
  const session = new Session([{ id: "answer", source: code }]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`The code ran longer than ${longest / 1000} seconds.`)), longest);
    });
    const results = await Promise.race([
      session.check(
        "answer",
        checks.map((c) => ({ ...c, points: 1 })),
      ),
      late,
    ]);
    if (results) return results;
    const { error } = session.cell("answer");
    throw new Error(error ? `${error.name}: ${error.message}` : "The code did not come to its end.");
  } finally {
    clearTimeout(timer);
    session.close();
  }
};
