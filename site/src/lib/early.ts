interface EarlyClicks {
  button: HTMLButtonElement | null;
  readonly listen: (event: MouseEvent) => void;
}

/** Does the last click on a button that came before this page's script, kept by static/early.js. */
export function doEarlyClick(): void {
  const { early } = globalThis as { early?: EarlyClicks };
  if (!early) return;
  removeEventListener("click", early.listen, true);
  const { button } = early;
  early.button = null;
  button?.click();
}
