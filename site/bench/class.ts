// A class on one machine: learners open a lesson, save, hand in, answer and post, all within a minute, over HTTP.
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { quizzesOf } from "@gradus/course";
import { loadCourse } from "@gradus/course/node";
import { setUp, Visitor } from "../test/people.ts";
import { startSite } from "../test/server.ts";

const { values } = parseArgs({
  options: {
    learners: { type: "string", default: "1000" },
    seconds: { type: "string", default: "60" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(`Simulates a class against the built site: one process, the embedded database, a new data folder.

  npm run bench:site                                   1,000 learners within one minute
  npm run bench:site -- --learners 200 --seconds 20
  npm run bench:site -- --json                         for programs

Every learner opens a lesson (page, account, saved code), saves code three times, hands in an exercise, answers a question of the
quiz, asks in the forum and reads the list of questions. Meanwhile an instructor looks at the room every five seconds.`);
  process.exit(0);
}
const learners = Number(values.learners);
const seconds = Number(values.seconds);
if (!(Number.isInteger(learners) && learners > 0 && seconds > 0)) {
  console.error(`--learners and --seconds should be positive numbers. Received: ${values.learners}, ${values.seconds}`);
  process.exit(1);
}
const tell = (text: string) => void (process.stderr.isTTY ? process.stderr.write(`\r\x1b[K${text}`) : values.json || console.error(text));
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const lesson = (await loadCourse())[0]!;
const quiz = quizzesOf(lesson)[0]!;
const question = quiz.questions.find((q) => q.type === "numeric")!;
const site = await startSite({ env: { GRADUS_RATE_LIMIT: "off" } });
const memory = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${site.child.pid}/status`, "utf8"))?.[1] ?? Number.NaN) / 1024;

const instructor = await setUp(site.url, site.token);
const made = await instructor.form("/classes?/create", { name: "Winter school" });
const classPath = /\/classes\/[\w-]{36}/.exec(await made.text())![0]!;
const code = /code (\w{6})/.exec(await (await instructor.request(classPath)).text())![1]!;

const people: Visitor[] = [];
let next = 0;
await Promise.all(
  Array.from({ length: 8 }, async () => {
    while (next < learners) {
      const n = next++;
      const person = new Visitor(site.url);
      await person.signUp(`Learner ${n}`);
      await person.form("/classes?/join", { code });
      people.push(person);
      if (people.length % 100 === 0) tell(`accounts: ${people.length} of ${learners}`);
    }
  }),
);

const times = new Map<string, number[]>();
const errors: string[] = [];
async function timed(what: string, ask: () => Promise<Response>): Promise<void> {
  const begin = performance.now();
  try {
    const response = await ask();
    await response.arrayBuffer();
    if (response.status >= 400) errors.push(`${what}: ${response.status}`);
  } catch (error) {
    errors.push(`${what}: ${(error as Error).message}`);
  }
  const list = times.get(what) ?? [];
  times.set(what, list);
  list.push(performance.now() - begin);
}

/** One learner's minute, squeezed into a sixth of the time, with pauses between. */
async function learn(person: Visitor, n: number): Promise<void> {
  const pause = () => sleep((Math.random() * seconds * 1000) / 6 / 7);
  const cells = (source: string) => ({ cells: [{ lesson: lesson.slug, cell: "model", source, version: "bench", at: Date.now() }] });
  await timed("open the lesson", () => person.request(`/lessons/${lesson.slug}`));
  await timed("who am I", () => person.request("/api/me"));
  await timed("saved code", () => person.request(`/api/cells?lesson=${lesson.slug}`));
  for (let i = 0; i < 3; i++) {
    await pause();
    await timed("save code", () => person.post("/api/cells", cells(`const n = ${n + i};\n${"// work\n".repeat(40)}`)));
  }
  await pause();
  const sources = { "predict-one": `const guess = ${n};` };
  await timed("hand in", () =>
    person.post("/api/submissions", { lesson: lesson.slug, exercise: "predict-one", sources, results: [], sawSolution: false }),
  );
  await pause();
  await timed("answer the quiz", () => person.post(`/api/quiz/${lesson.slug}/${quiz.id}/${question.id}`, { response: "4" }));
  await pause();
  await timed("ask a question", () =>
    person.form("/questions", { lesson: lesson.slug, title: `Question ${n}`, body: "Why does $x$ not fall?" }),
  );
  await timed("read questions", () => person.request("/questions"));
}

let peak = memory();
const before = memory();
const begin = performance.now();
const watch = setInterval(() => {
  peak = Math.max(peak, memory());
  const left = Math.max(0, seconds - (performance.now() - begin) / 1000);
  tell(`${[...times.values()].reduce((n, l) => n + l.length, 0)} requests, ${errors.length} errors, ${left.toFixed(0)} s left`);
}, 1000);
const looking = (async () => {
  while (performance.now() - begin < seconds * 1000) {
    await timed("the room", () => instructor.request(classPath));
    await sleep(5000);
  }
})();
await Promise.all(people.map((person, n) => sleep(Math.random() * seconds * 1000 * (5 / 6)).then(() => learn(person, n))));
const took = (performance.now() - begin) / 1000;
await looking;
clearInterval(watch);
if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
await site.stop();

const quantile = (list: readonly number[], q: number): number =>
  [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(q * list.length))] ?? Number.NaN;
const all = [...times.values()].flat();
const row = (what: string, list: readonly number[]) => ({
  ...{ what, requests: list.length, median: quantile(list, 0.5), p99: quantile(list, 0.99), longest: Math.max(...list) },
});
const rows = [...times].map(([what, list]) => row(what, list));
const total = row("all", all);
const holds = errors.length === 0 && total.p99 < 500;
const machine = `${cpus().length} cores ${cpus()[0]?.model.trim()}, Node.js ${process.version}`;
if (values.json)
  console.log(
    JSON.stringify({ machine, learners, seconds: took, rows, total, errors: errors.length, memory: { before, peak }, holds }, null, 2),
  );
else {
  console.log(`${learners} learners in ${took.toFixed(0)} s against one process and the embedded database; ${machine}\n`);
  const line = (cells: readonly string[]) => console.log(cells.map((c, i) => (i ? c.padStart(10) : c.padEnd(18))).join(""));
  line(["ms", "requests", "median", "p99", "longest"]);
  for (const r of [...rows, total]) line([r.what, String(r.requests), r.median.toFixed(1), r.p99.toFixed(1), r.longest.toFixed(0)]);
  console.log(`\nerrors: ${errors.length}${errors.length ? ` (${[...new Set(errors)].slice(0, 5).join("; ")})` : ""}`);
  console.log(`the server's memory: ${before.toFixed(0)} MB before, ${peak.toFixed(0)} MB at most`);
  console.log(holds ? "No errors, 99th percentile under 500 ms: holds." : "No errors and a 99th percentile under 500 ms: DOES NOT HOLD.");
}
process.exit(holds ? 0 : 1);
