import { page } from "$app/state";
import { type Language, type Messages, messages } from "./messages.ts";

export { duration } from "./messages.ts";
export type { Language, Messages };

/** The language of the page shown: German under /de, English elsewhere. */
export const language = (): Language => (page.params["lang"] === "de" ? "de" : "en");

/** The sentences of the interface, to be called where they are used. */
export const t = (): Messages => messages[language()];

/** A path of the site in the language of the page: "lessons/01-arrays". */
export const inLanguage = (path: string, lang: Language = language()): string =>
  (lang === "de" ? `/de/${path}` : `/${path}`).replace(/\/$/, "") || "/";
