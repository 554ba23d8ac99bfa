import { error } from "@sveltejs/kit";
import { csvCell, matrix, roleIn } from "#lib/server/classes.ts";
import { signedIn } from "#lib/server/guard.ts";

export const prerender = false;

/** A class's exercises as CSV: a line for each learner and exercise tried. */
export const GET = async (event) => {
  const me = signedIn(event);
  if ((await roleIn(me, event.params.id)) !== "instructor") error(403, "This is for the instructors of the class.");
  const { people, exercises, squares } = await matrix(event.params.id);
  const lines = people.flatMap((p) =>
    exercises.flatMap((e) => {
      const square = squares[p.id]?.[`${e.lesson}/${e.id}`];
      return square ? [[p.name, p.email, e.lesson, e.id, square.state, square.score, e.points, square.tries]] : [];
    }),
  );
  const csv = [["name", "email", "lesson", "exercise", "state", "score", "points", "tries"], ...lines]
    .map((l) => l.map(csvCell).join(","))
    .join("\r\n");
  return new Response(`${csv}\r\n`, {
    headers: { "content-type": "text/csv; charset=utf-8", "content-disposition": 'attachment; filename="class.csv"' },
  });
};
