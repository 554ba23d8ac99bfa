import { language } from "./i18n/index.ts";

/** The reader's own way to write times, where it is of the page's language: "en-GB" rather than "en". */
const locale = (): string => {
  const own = typeof navigator === "undefined" ? [] : navigator.languages;
  return own.find((l) => l.split("-")[0] === language()) ?? language();
};

export const moment = (at: number): string => new Date(at).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
export const hour = (at: number): string => new Date(at).toLocaleTimeString(locale(), { timeStyle: "short" });
export const date = (at: number): string => new Date(at).toLocaleDateString(locale(), { dateStyle: "medium" });
export const weekday = (at: number): string =>
  new Date(at).toLocaleDateString(locale(), { weekday: "long", day: "numeric", month: "long", year: "numeric" });

/** A moment as a field for date and time wants it, on this device's clock: "2026-12-01T09:00". */
export function forField(at: number): string {
  const d = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;
}

/** For forms: what was typed is this device's time, and is sent with its zone, since the server may be elsewhere. */
export function withZone({ formElement, formData }: { formElement: HTMLFormElement; formData: FormData }): void {
  for (const field of formElement.querySelectorAll<HTMLInputElement>('input[type="datetime-local"]'))
    if (field.value) formData.set(field.name, new Date(field.value).toISOString());
}
