import { siteUrl } from "../links.ts";

export interface Me {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: "learner" | "instructor" | "administrator";
  readonly unread: number;
}

/**
 * Who is signed in; null is nobody, undefined not known yet. `ended`: whoever works here has not signed out, but the server knows
 * them no more; their work goes on being kept for them alone.
 */
export const account = $state<{ me: Me | null | undefined; ended: boolean }>({ me: undefined, ended: false });

/** Whether the server could not be reached when it was last asked. */
export const connection = $state({ lost: false });

export const personKey = "gradus-person";
let person: Me | null | undefined;

/** Who works on this device, also when the server cannot be asked: from signing in to signing out. */
export function remembered(): Me | null {
  if (person !== undefined) return person;
  person = null;
  try {
    const text = localStorage.getItem(personKey);
    const known = text ? (JSON.parse(text) as Me) : null;
    if (typeof known?.id === "string") person = known;
  } catch {
    // Without storage, the server's word counts for this page.
  }
  return person;
}

export function remember(me: Me | null): void {
  person = me;
  try {
    if (me) localStorage.setItem(personKey, JSON.stringify(me));
    else localStorage.removeItem(personKey);
  } catch {
    // As above.
  }
}

/** Whose work this is: a person's id, or "" for a guest's. */
export const owner = (): string => remembered()?.id ?? "";

/** The server's refusal, in its own words. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message = `The server answered ${status}.`) {
    super(message);
    this.name = "Refusal";
    this.status = status;
  }
}

/** Whom a request is meant for: the server refuses it (401) when somebody else, or nobody, is signed in by now. */
const meant = (): Record<string, string> => (account.me ? { "x-gradus-person": account.me.id } : {});

async function answered<T>(response: Response): Promise<T> {
  const answer = (await response.json().catch(() => ({}))) as T & { message?: string };
  if (response.ok) return answer;
  // The page learns here that it is nobody's any more; an account's page tells what to do.
  if (response.status === 401 && account.me) {
    account.me = null;
    account.ended = remembered() !== null;
  }
  throw new Refusal(response.status, answer.message);
}

/** Posts to the server. Throws a Refusal, or a TypeError where there is no network. */
export async function post<T>(path: string, body: unknown, options: RequestInit = {}): Promise<T> {
  const headers = { "content-type": "application/json", ...meant() };
  return answered<T>(await fetch(siteUrl(path), { method: "POST", headers, body: JSON.stringify(body), ...options }));
}

/** Asks the server, as `post` does. */
export const get = async <T>(path: string, headers: Record<string, string> = meant()): Promise<T> =>
  answered<T>(await fetch(siteUrl(path), { headers }));
