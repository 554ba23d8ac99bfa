import fc from "fast-check";
import { expect, test } from "vitest";
import { parseQuestion, parseQuiz, QuizError } from "../src/index.ts";
import { moodleQuestions } from "./questions.ts";

const question = { type: "numeric", prompt: "2 + 2?", answer: 4 };
const quiz = (...questions: unknown[]) => ({ id: "sums", questions });
const fault = (value: unknown) => {
  try {
    parseQuiz(value);
  } catch (error) {
    expect(error).toBeInstanceOf(QuizError);
    return (error as Error).message;
  }
  return "no fault";
};

test("what may be left out is filled in", () => {
  expect(parseQuiz(quiz(question, { type: "text", prompt: "?", answers: ["a", 3] }))).toEqual({
    id: "sums",
    title: "Quiz",
    questions: [
      { ...question, id: "q1", points: 1, tolerance: 0 },
      {
        type: "text",
        prompt: "?",
        id: "q2",
        points: 1,
        answers: [
          { text: "a", credit: 1 },
          { text: "3", credit: 1 },
        ],
      },
    ],
  });
});

test("an error names the place, the value and what was expected", () => {
  expect(fault(quiz({ ...question, answer: "four" }))).toBe('quiz: questions[0].answer: expected number. Received: "four"');
  expect(fault(quiz(question, { ...question, points: -1 }))).toBe("quiz: questions[1].points: expected at least 0. Received: -1");
  expect(fault(quiz({ ...question, min: 1 }))).toMatch("quiz: questions[0]: expected answer (and tolerance), or min and max");
  expect(fault(quiz({ ...question, answr: 1 }))).toMatch("quiz: questions[0].answr: there is no such field");
  expect(fault({ id: "a b", questions: [question] })).toBe('quiz: id: expected letters, digits, - and _, at most 64. Received: "a b"');
  expect(fault(quiz())).toMatch("quiz: questions: expected a length of at least 1. Received: a list of 0");
  expect(fault(quiz({ type: "essay", prompt: "?" }))).toMatch(/^quiz: questions\[0\]\.type: expected .*"single".*Received: "essay"$/);
  expect(fault(5)).toBe("quiz: the quiz: expected Object. Received: 5");
});

test("answers have to make sense together", () => {
  const choices = (...correct: boolean[]) => correct.map((c, i) => ({ text: `${i}`, correct: c }));
  expect(fault(quiz({ type: "single", prompt: "?", choices: choices(true, true) }))).toMatch(
    "expected exactly one choice with correct: true",
  );
  expect(fault(quiz({ type: "ordering", prompt: "?", items: ["a", "a"] }))).toMatch("questions[0].items: expected different items");
  expect(fault(quiz({ type: "numeric", prompt: "?", min: 2, max: 1 }))).toMatch("min not above max");
  expect(fault({ ...quiz(question), opens: "2026-02-01", closes: "2026-01-01" })).toMatch("expected closes after opens");
  expect(fault({ ...quiz(question), opens: "tomorrow" })).toBe(
    'quiz: opens: expected a time such as 2026-11-24T09:00:00Z. Received: "tomorrow"',
  );
  expect(fault(quiz({ ...question, id: "q2" }, question))).toBe(
    "quiz: questions[1].id: there are two questions called q2. Give each its own id.",
  );
});

test("sizes have limits", () => {
  expect(fault(quiz({ ...question, prompt: "x".repeat(20_000) }))).toMatch("questions[0].prompt: expected a length of at most 10000");
  expect(fault(quiz(...Array(501).fill(question)))).toMatch("questions: expected a length of at most 500. Received: a list of 501");
  expect(fault(quiz({ ...question, points: 1e9 }))).toMatch("points: expected at most 1000");
});

test("whatever arrives, only a QuizError is thrown", () => {
  const trap = new Proxy(
    {},
    {
      get: () => {
        throw new TypeError("trap");
      },
      has: () => true,
      ownKeys: () => ["id"],
    },
  );
  expect(fault(trap)).toMatch("cannot be read");
  expect(fault(JSON.parse('{"__proto__": {"id": "x"}, "questions": []}'))).toMatch(/^quiz: /);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.anything({ withBigInt: true, withNullPrototype: true }),
        fc.anything().map((v) => quiz(v)),
      ),
      (value) => {
        expect(fault(value)).toMatch(/^quiz: /);
      },
    ),
    { numRuns: 1000 },
  );
});

test("what was checked once passes again unchanged", () => {
  fc.assert(
    fc.property(moodleQuestions, (questions) => {
      for (const q of questions) expect(parseQuestion(q)).toEqual(q);
    }),
  );
  expect(() => parseQuestion(question)).toThrow("quiz: id: expected an id of the question");
});
