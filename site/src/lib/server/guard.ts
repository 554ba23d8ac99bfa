import { error, type RequestEvent, redirect } from "@sveltejs/kit";
import * as v from "valibot";
import { messages } from "../i18n/messages.ts";
import type { SignedIn } from "./auth.ts";
import { rule, say } from "./say.ts";

/** Who asks; an answer 401 for guests. */
export function signedIn(event: { locals: App.Locals }): SignedIn {
  if (!event.locals.me) error(401, say(event).signIn);
  return event.locals.me;
}

/** A path of the site in the language of the page that asks. */
export const inLanguageOf = (locals: App.Locals, path: string): string => (locals.lang === "de" ? `/de${path}`.replace(/\/$/, "") : path);

/** Who looks at a page; guests are sent to sign in, and come back afterwards. */
export function signedInReader(event: { locals: App.Locals; url: URL }): SignedIn {
  const { pathname, search } = event.url;
  if (!event.locals.me) redirect(303, inLanguageOf(event.locals, `/sign-in?next=${encodeURIComponent(pathname + search)}`));
  return event.locals.me;
}

/** Who asks, if an instructor or administrator; an answer 403 for others. */
export function instructor(event: { locals: App.Locals }): SignedIn {
  const me = signedIn(event);
  if (me.role === "learner") error(403, say(event).instructors);
  return me;
}

export function administrator(event: { locals: App.Locals }): SignedIn {
  const me = signedIn(event);
  if (me.role !== "administrator") error(403, say(event).administrators);
  return me;
}

/** A request's JSON, checked; an answer 400 that names the fault. */
export async function body<T extends v.GenericSchema>(
  event: Pick<RequestEvent, "request" | "locals">,
  schema: T,
): Promise<v.InferOutput<T>> {
  let value: unknown;
  try {
    const json = await event.request.text();
    value = JSON.parse(json, json.includes("\\u") ? (_, part) => (typeof part === "string" ? storable(part) : part) : undefined);
  } catch {
    error(400, say(event).notJson);
  }
  return checked(event, value, schema);
}

/** A form's fields, checked. */
export async function form<T extends v.GenericSchema>(
  event: Pick<RequestEvent, "request" | "locals">,
  schema: T,
): Promise<v.InferOutput<T>> {
  const fields = [...(await event.request.formData())].map(([name, field]) => [name, typeof field === "string" ? storable(field) : field]);
  return checked(event, Object.fromEntries(fields), schema);
}

/** A text as databases take it: NUL and halves of characters, which they refuse, become the sign for what cannot be shown. */
export const storable = (text: string): string => text.replaceAll("\0", "\ufffd").toWellFormed();

function checked<T extends v.GenericSchema>(event: Pick<RequestEvent, "locals">, value: unknown, schema: T): v.InferOutput<T> {
  const parsed = v.safeParse(schema, value, { abortEarly: true, lang: event.locals.lang });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    error(400, `${issue.path?.map((p) => String(p.key)).join(".") || say(event).request}: ${issue.message}`);
  }
  return parsed.output;
}

/** Texts that people write. */
export const text = (most: number) =>
  v.pipe(
    v.string(),
    v.trim(),
    v.minLength(1, rule("empty")),
    v.maxLength(most, ({ lang }) => messages[lang === "de" ? "de" : "en"].server.long(most)),
  );
export const slug = v.pipe(v.string(), v.regex(/^[\w-]{1,80}$/, rule("slug")));

export const email = v.pipe(v.string(), v.trim(), v.toLowerCase(), v.email(rule("email")), v.maxLength(200));
export const newPassword = v.pipe(v.string(), v.minLength(10, rule("password")), v.maxLength(200));

/**
 * A moment, as a script sends it: in ISO's form, with its zone. Without script a form sends "2026-12-01T09:00", which is taken in the
 * server's zone; such a form says so.
 */
export const moment = v.pipe(
  v.string(),
  v.check((s) => /^\d{4}-\d\d-\d\dT/.test(s) && !Number.isNaN(Date.parse(s)), rule("time")),
  v.transform((s) => new Date(s)),
);
/** The same, or nothing. */
export const maybeMoment = v.union(
  [
    moment,
    v.pipe(
      v.literal(""),
      v.transform(() => null),
    ),
  ],
  rule("time"),
);

/** The zone of times without one: the server's. */
export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

interface Count {
  count: number;
  resets: number;
}

const counts = new Map<string, Count>();

/**
 * Refuses (429) what somebody asks more than `most` times in so many seconds: a person, or an address of guests, unless `whom` says
 * whose requests to count. A whole class may come from one address. Each process counts for itself.
 */
export function limit(
  event: Pick<RequestEvent, "locals" | "getClientAddress">,
  name: string,
  most: number,
  seconds: number,
  whom: string = event.locals.me?.id ?? event.getClientAddress(),
): void {
  if (process.env["GRADUS_RATE_LIMIT"] === "off") return;
  const now = Date.now();
  if (counts.size > 100_000) for (const [key, c] of counts) if (c.resets < now) counts.delete(key);
  const key = `${name} ${whom}`;
  const known = counts.get(key);
  if (!known || known.resets < now) counts.set(key, { count: 1, resets: now + 1000 * seconds });
  else if (++known.count > most) error(429, say(event).tooOften);
}
