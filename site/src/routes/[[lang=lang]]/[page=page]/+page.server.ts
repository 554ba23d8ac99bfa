import { error } from "@sveltejs/kit";
import { pageNames } from "#lib/pages.ts";
import { pages } from "#lib/server/course.ts";

export const prerender = true;
export const entries = () => pageNames.flatMap((page) => [{ page }, { page, lang: "de" }]);

export const load = async ({ params }) => {
  const page = (await pages()).find((p) => p.slug === params.page);
  if (!page) error(404, "There is no such page.");
  const { slug, title, lead, html, headings } = page;
  return { slug, title, lead, html, headings };
};
