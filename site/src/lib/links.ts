import { resolve } from "$app/paths";
import { inLanguage, type Language, language } from "./i18n/index.ts";

// The framework's own type knows every route; paths made of data are none of them.
const resolvePath = resolve as unknown as (path: string) => string;

/** Where a page of the site is, in the language of this page: "lessons/01-arrays". */
export const href = (path: string, lang: Language = language()): string => resolvePath(inLanguage(path, lang));

/** Where a file or an endpoint of the site is, which has no language: "api/me". */
export const siteUrl = (path: string): string => resolvePath(`/${path}`);
