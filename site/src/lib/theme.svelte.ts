export const theme = $state<{ choice: "auto" | "light" | "dark" }>({ choice: "auto" });

let read = false;

/** Shows the colours that the reader has chosen, and remembers a choice. */
export function applyTheme(): void {
  try {
    if (!read) {
      const kept = localStorage.getItem("theme");
      if (kept === "light" || kept === "dark") theme.choice = kept;
    } else localStorage.setItem("theme", theme.choice);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  read = true;
  if (theme.choice === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.choice;
}
