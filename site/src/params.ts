import { defineParams } from "@sveltejs/kit/params";
import { type PageName, pageNames } from "./lib/pages.ts";

export const params = defineParams({
  /** English has no prefix. */
  lang: (param: string) => (param === "de" ? (param as "de") : undefined),
  /** The pages around the lessons; every other address is left to the other routes. */
  page: (param: string) => ((pageNames as readonly string[]).includes(param) ? (param as PageName) : undefined),
});
