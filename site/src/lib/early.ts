interface EarlyClicks {
  target: HTMLElement | null;
  readonly listen: (event: MouseEvent) => void;
}

/** Does the last click on a button or on code that came before this page's script, kept by static/early.js. */
export function doEarlyClick(): void {
  const { early } = globalThis as { early?: EarlyClicks };
  if (!early) return;
  removeEventListener("click", early.listen, true);
  const { target } = early;
  early.target = null;
  target?.click();
}
