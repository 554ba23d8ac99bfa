import type { Cookies } from "@sveltejs/kit";

/** Passes on the cookies of an answer by the library for accounts. */
export function passOn(cookies: Cookies, headers: readonly string[]): void {
  for (const header of headers) {
    const [pair, ...attributes] = header.split("; ");
    const at = pair!.indexOf("=");
    const named = new Map(attributes.map((a) => [a.split("=")[0]!.toLowerCase(), a.split("=").slice(1).join("=")]));
    const age = named.get("max-age");
    cookies.set(pair!.slice(0, at), decodeURIComponent(pair!.slice(at + 1)), {
      path: "/",
      httpOnly: true,
      sameSite: "lax",
      secure: named.has("secure"),
      ...(age ? { maxAge: Number(age) } : {}),
    });
  }
}
