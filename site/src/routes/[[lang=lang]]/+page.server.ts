import { summaries } from "#lib/server/course.ts";

export const prerender = true;
export const entries = () => [{}, { lang: "de" }];

export const load = async () => ({ lessons: await summaries() });
