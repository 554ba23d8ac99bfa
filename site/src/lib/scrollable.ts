/** What is wider than its place can be scrolled by keyboard too; what is not is no stop on the way. */
export function scrollable(element: HTMLElement): () => void {
  const look = () => {
    if (element.scrollWidth > element.clientWidth) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  };
  const sizes = new ResizeObserver(look);
  sizes.observe(element);
  // What is in it becomes wider without a new size of its own: by other text, or by a font that comes late.
  const content = new MutationObserver(look);
  content.observe(element, { childList: true, characterData: true, subtree: true });
  document.fonts.addEventListener("loadingdone", look);
  return () => {
    sizes.disconnect();
    content.disconnect();
    document.fonts.removeEventListener("loadingdone", look);
  };
}

/** The same for the formulas of a text. */
export function scrollableFormulas(text: HTMLElement): () => void {
  const ends = [...text.querySelectorAll<HTMLElement>(".display")].map(scrollable);
  return () => {
    for (const end of ends) end();
  };
}
