import { indexOf } from "#lib/search.ts";
import { passages } from "#lib/server/search.ts";

export const prerender = true;

/** The index that the search page loads. */
export const GET = async () => new Response(indexOf(await passages()), { headers: { "content-type": "application/json" } });
