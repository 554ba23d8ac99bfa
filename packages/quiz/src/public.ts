import { rightSide } from "./grade.ts";
import type { Choice, PublicQuestion, Question } from "./question.ts";
import { keysToPlaces } from "./scoring.ts";

/** What a learner sees of a question: no answers, and what is shuffled is in an order that `seed` decides. `grade` takes its keys. */
export function publicQuestion(question: Question, seed = 0): PublicQuestion {
  const { id, prompt, points, hint } = question;
  const common = { id, prompt, points, hint };
  const random = generator(seed + hash(id));
  switch (question.type) {
    case "single":
    case "multiple": {
      const choices = question.choices.map(({ text }, key) => ({ key, text }));
      return { ...common, type: question.type, choices: keepOrder(question.choices) ? choices : shuffled(choices, random) };
    }
    case "numeric":
    case "text":
      return { ...common, type: question.type };
    case "ordering": {
      const places = keysToPlaces(question.items);
      const items = shuffled(
        places.map((place, key) => ({ key, text: question.items[place]! })),
        random,
      );
      // Never begin with the answer.
      if (items.every((item, i) => places[item.key] === i)) items.push(items.shift()!);
      return { ...common, type: "ordering", items };
    }
    case "matching":
      return { ...common, type: "matching", left: question.pairs.map((p) => p.left), right: shuffled(rightSide(question), random) };
    case "code":
      return { ...common, type: "code", starter: question.starter };
  }
}

/** True and false, yes and no, numbers stand in their natural order. */
const keepOrder = (choices: readonly Choice[]): boolean =>
  (choices.length === 2 && choices.every((c) => /^(true|false|yes|no|wahr|falsch|ja|nein)$/i.test(c.text))) ||
  choices.every((c) => /^-?[\d.,]+$/.test(c.text));

function hash(text: string): number {
  let h = 0;
  for (let i = 0; i < text.length; i++) h = (Math.imul(h, 31) + text.charCodeAt(i)) | 0;
  return h;
}

/** Mulberry32 (Ettinger 2017): the order only has to look different. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
