import { lessons } from "#lib/server/course.ts";

export const prerender = true;

/** Which version of each lesson is out, so that a page that is open for long can tell. */
export const GET = async () => Response.json(Object.fromEntries((await lessons()).map(({ slug, version }) => [slug, version])));
