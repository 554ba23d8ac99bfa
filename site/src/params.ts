import { defineParams } from "@sveltejs/kit/params";

export const params = defineParams({
  /** English has no prefix. */
  lang: (param: string) => (param === "de" ? (param as "de") : undefined),
});
