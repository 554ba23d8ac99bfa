import { createLanguage, type Language } from "./language.ts";

/** What the page asks: first where the declarations are, then methods of the language, each answered by its number. */
export type Question =
  | { readonly type: "start"; readonly url: string }
  | { readonly type: "ask"; readonly number: number; readonly method: keyof Language; readonly arguments: readonly unknown[] };

export type Answer = { readonly number: number; readonly value: unknown } | { readonly failed: string };

/** What a worker has of its global scope, whose types exclude those of pages. */
const scope = self as unknown as {
  postMessage(answer: Answer): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Question>) => void): void;
};
let language: Promise<Language> | null = null;

async function load(url: string): Promise<Language> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the declarations could not be loaded (${response.status})`);
  return createLanguage((await response.json()) as Record<string, string>);
}

scope.addEventListener("message", async ({ data }) => {
  if (data.type === "start") {
    language = load(data.url);
    await language.catch((error: unknown) => scope.postMessage({ failed: String(error) } satisfies Answer));
    return;
  }
  let value: unknown = null;
  try {
    const loaded = await language!;
    value = (loaded[data.method] as (...a: readonly unknown[]) => unknown)(...data.arguments);
  } catch (error) {
    // A mistake of the language service must not take the editor with it.
    console.warn(`${data.method}: ${String(error)}`);
  }
  scope.postMessage({ number: data.number, value } satisfies Answer);
});
