import { type Messages, messages } from "../i18n/messages.ts";

/** The server's sentences, in the language of the page that asks. */
export const say = ({ locals }: { locals: App.Locals }): Messages["server"] => messages[locals.lang].server;

type Rule = { [K in keyof Messages["server"]]: Messages["server"][K] extends string ? K : never }[keyof Messages["server"]];

/** A rule's sentence for a schema, in the language that `checked` names. */
export const rule =
  (key: Rule) =>
  ({ lang }: { readonly lang?: string | undefined }): string =>
    messages[lang === "de" ? "de" : "en"].server[key];
