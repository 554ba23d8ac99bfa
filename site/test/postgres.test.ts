import { afterAll, expect, test } from "vitest";
import { setUp, Visitor } from "./people.ts";
import { startPostgres } from "./postgres.ts";
import { patience, type Site, startSite, useDatabases } from "./server.ts";

const postgres = await startPostgres();
afterAll(async () => {
  if (typeof postgres !== "string") await postgres.stop();
});

if (typeof postgres === "string") test.skip(`a Postgres server instead of the embedded database: ${postgres}`, () => {});
else {
  test("two processes that start at once on an empty server share accounts, work, grading and notifications", async () => {
    const env = { DATABASE_URL: await postgres.database("shared"), GRADUS_RATE_LIMIT: "off" };
    const sites = (await Promise.all([startSite({ env }), startSite({ env })])) as [Site, Site];
    try {
      const administrator = await setUp(sites[0].url, sites[0].token || sites[1].token);
      const learner = new Visitor(sites[0].url);
      await learner.signUp("Lin");
      // The same cookies at the other process.
      const there = learner.at(sites[1].url);
      const me = (await (await there.request("/api/me")).json()) as { me: { name: string } };
      expect(me.me.name).toBe("Lin");
      for (let i = 0; i < 4; i++) {
        const body = {
          ...{ lesson: "01-arrays", exercise: "largest-entry", results: [], sawSolution: false },
          sources: {
            "largest-entry": `const U = arange(12).reshape([3, 4]).sub(5); const V = arange(20).reshape([4, 5]).mod(7); const largest = U.matmul(V).max(); // ${i}`,
          },
        };
        expect((await (i % 2 ? learner : there).post("/api/submissions", body)).status).toBe(201);
      }
      for (const visitor of [learner, there])
        await expect
          .poll(
            async () =>
              ((await (await visitor.request("/api/submissions?lesson=01-arrays")).json()) as { grades: Record<string, unknown> }).grades,
            {
              timeout: patience,
            },
          )
          .toMatchObject({ "largest-entry": { points: 2 } });
      // What is asked here and answered there is notified here.
      const asked = await learner.form("/questions", { lesson: "01-arrays", title: "Why?", body: "Why?" });
      const question = /\/questions\/[\w-]{36}/.exec(await asked.text())![0]!;
      const answered = await administrator.at(sites[1].url).form(`${question}?/answer`, { body: "Because." });
      expect(answered.status).toBe(200);
      const after = (await (await learner.request("/api/me")).json()) as { me: { unread: number } };
      expect(after.me.unread).toBe(1);
    } finally {
      await Promise.all(sites.map((s) => s.stop()));
    }
  });

  // All that a class does, on a server: by HTTP, since pages do not know where the site keeps its data.
  useDatabases(() => postgres.database("classroom"));
  await import("./classroom.test.ts");
}
