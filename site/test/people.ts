/** Somebody at the other end of HTTP, with cookies of their own. */
export class Visitor {
  readonly url: string;
  private readonly cookies = new Map<string, string>();

  constructor(url: string) {
    this.url = url;
  }

  /** The same person, at another address. */
  at(url: string): Visitor {
    const other = new Visitor(url);
    for (const [name, value] of this.cookies) other.cookies.set(name, value);
    return other;
  }

  /** All cookies, as a header. */
  cookie(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  async request(path: string, init: RequestInit = {}): Promise<Response> {
    const cookie = this.cookie();
    const response = await fetch(this.url + path, {
      redirect: "manual",
      ...init,
      headers: { ...(init.headers as Record<string, string>), ...(cookie ? { cookie } : {}), origin: this.url },
    });
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set)!;
      this.cookies.set(name!, value!);
    }
    return response;
  }

  /** Sends JSON. */
  post(path: string, body: unknown): Promise<Response> {
    return this.request(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  }

  /** Sends a form, as a page does with the help of script. */
  form(path: string, fields: Readonly<Record<string, string>>): Promise<Response> {
    const headers = { accept: "application/json", "x-sveltekit-action": "true" };
    return this.request(path, { method: "POST", headers, body: new URLSearchParams({ ...fields }) });
  }

  /** Makes an account; this visitor is signed in afterwards. */
  async signUp(name: string): Promise<void> {
    const email = `${name.toLowerCase().replace(/\W+/g, "-")}@example.org`;
    const response = await this.form("/sign-in?/up", { name, email, password: "a long password" });
    const answer = await response.text();
    if (!answer.includes('"redirect"')) throw new Error(`Signing up answered ${response.status}: ${answer}`);
  }
}

/** The first account of a new site. */
export async function setUp(url: string, token: string): Promise<Visitor> {
  const administrator = new Visitor(url);
  await administrator.form("/setup", { token, name: "Ada", email: "ada@example.org", password: "a long password" });
  const { me } = (await (await administrator.request("/api/me")).json()) as { me: { role: string } | null };
  if (me?.role !== "administrator") throw new Error("The administrator's account could not be made.");
  return administrator;
}
