import { error, type RequestEvent } from "@sveltejs/kit";
import * as v from "valibot";
import type { SignedIn } from "./auth.ts";

/** Who asks; an answer 401 for guests. */
export function signedIn(event: { locals: App.Locals }): SignedIn {
  if (!event.locals.me) error(401, "Sign in first.");
  return event.locals.me;
}

/** Who asks, if an instructor or administrator; an answer 403 for others. */
export function instructor(event: { locals: App.Locals }): SignedIn {
  const me = signedIn(event);
  if (me.role === "learner") error(403, "This is for instructors.");
  return me;
}

export function administrator(event: { locals: App.Locals }): SignedIn {
  const me = signedIn(event);
  if (me.role !== "administrator") error(403, "This is for administrators.");
  return me;
}

/** A request's JSON, checked; an answer 400 that names the fault. */
export async function body<T extends v.GenericSchema>(event: Pick<RequestEvent, "request">, schema: T): Promise<v.InferOutput<T>> {
  let value: unknown;
  try {
    const json = await event.request.text();
    value = JSON.parse(json, json.includes("\\u") ? (_, part) => (typeof part === "string" ? storable(part) : part) : undefined);
  } catch {
    error(400, "The request is not JSON.");
  }
  return checked(value, schema);
}

/** A form's fields, checked. */
export async function form<T extends v.GenericSchema>(event: Pick<RequestEvent, "request">, schema: T): Promise<v.InferOutput<T>> {
  const fields = [...(await event.request.formData())].map(([name, field]) => [name, typeof field === "string" ? storable(field) : field]);
  return checked(Object.fromEntries(fields), schema);
}

/** A text as databases take it: NUL and halves of characters, which they refuse, become the sign for what cannot be shown. */
export const storable = (text: string): string => text.replaceAll("\0", "\ufffd").toWellFormed();

function checked<T extends v.GenericSchema>(value: unknown, schema: T): v.InferOutput<T> {
  const parsed = v.safeParse(schema, value, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    error(400, `${issue.path?.map((p) => String(p.key)).join(".") || "The request"}: ${issue.message}`);
  }
  return parsed.output;
}

/** Texts that people write. */
export const text = (most: number) =>
  v.pipe(v.string(), v.trim(), v.minLength(1, "should not be empty"), v.maxLength(most, `should have at most ${most} characters`));
export const slug = v.pipe(v.string(), v.regex(/^[\w-]{1,80}$/, "should be letters, digits and -"));

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
  else if (++known.count > most) error(429, "That was too often: wait a minute.");
}
