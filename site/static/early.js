// A click that comes before the page's own script, on a button or on code, is kept, and done when the script has come (src/lib/early.ts).
globalThis.early = {
  target: null,
  listen: (event) => {
    globalThis.early.target = event.target.closest?.("button, .code") ?? globalThis.early.target;
  },
};
addEventListener("click", globalThis.early.listen, true);
