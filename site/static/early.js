// A click on a button that comes before the page's own script is kept, and done when the script has come (src/lib/early.ts).
globalThis.early = {
  button: null,
  listen: (event) => {
    globalThis.early.button = event.target.closest?.("button") ?? globalThis.early.button;
  },
};
addEventListener("click", globalThis.early.listen, true);
