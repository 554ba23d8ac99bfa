import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { javascript } from "@codemirror/lang-javascript";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, Prec } from "@codemirror/state";
import { drawSelection, EditorView, keymap } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";
import type { Session } from "../notebook/session.svelte.ts";
import { typeSupport } from "./types.ts";

export interface EditorHandle {
  focus(): void;
  setText(text: string): void;
  setError(error: { readonly line: number; readonly message: string } | null): void;
  destroy(): void;
}

export interface EditorOptions {
  readonly session: Session;
  readonly id: string;
  /** Read to screen readers. */
  readonly label: string;
  /** Asks to run the cell, and to move on to the next. */
  readonly onRun: (advance: boolean) => void;
}

const theme = EditorView.theme({
  "&": { backgroundColor: "transparent", color: "inherit", fontSize: "0.88rem" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6" },
  ".cm-content": { padding: "0.7rem 0", caretColor: "currentColor" },
  ".cm-line": { padding: "0 0.9rem" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-1px", borderRadius: "6px" },
  ".cm-cursor": { borderLeftColor: "currentColor" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    color: "inherit",
    border: "1px solid var(--hair)",
    borderRadius: "4px",
    maxWidth: "36rem",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-matchingBracket": { backgroundColor: "var(--selection)", color: "inherit" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "inherit" },
});

let cameByTab = false;
addEventListener("keydown", (event) => (cameByTab = event.key === "Tab"), { capture: true });
addEventListener("pointerdown", () => (cameByTab = false), { capture: true });

/** A CodeMirror in place of the coloured text. */
export function createEditor(place: HTMLElement, { session, id, label, onRun }: EditorOptions): EditorHandle {
  const run = (advance: boolean) => () => {
    onRun(advance);
    return true;
  };
  const view = new EditorView({
    parent: place,
    state: EditorState.create({
      doc: session.cell(id).source,
      extensions: [
        Prec.highest(
          keymap.of([
            { key: "Mod-Enter", run: run(false) },
            { key: "Ctrl-Enter", run: run(false) },
            { key: "Shift-Enter", run: run(true) },
            // Tab indents; Escape, then Tab, leaves the cell.
            {
              key: "Escape",
              run: (v) => {
                v.setTabFocusMode(2000);
                return false;
              },
            },
          ]),
        ),
        history(),
        drawSelection(),
        indentUnit.of("  "),
        EditorState.tabSize.of(2),
        indentOnInput(),
        bracketMatching(),
        closeBrackets(),
        highlightSelectionMatches(),
        javascript({ typescript: true }),
        syntaxHighlighting(classHighlighter),
        autocompletion({ activateOnTyping: true }),
        typeSupport(session, id),
        keymap.of([
          ...closeBracketsKeymap,
          ...completionKeymap,
          ...searchKeymap,
          ...historyKeymap,
          ...lintKeymap,
          indentWithTab,
          ...defaultKeymap,
        ]),
        EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false", autocapitalize: "off" }),
        EditorView.lineWrapping,
        // Who comes by Tab goes on by Tab, until something is typed.
        EditorView.domEventHandlers({
          focus(_, v) {
            if (cameByTab) v.setTabFocusMode(true);
          },
        }),
        EditorView.updateListener.of((update) => {
          if (update.transactions.some((tr) => tr.isUserEvent("input"))) update.view.setTabFocusMode(false);
          if (update.docChanged) session.edit(id, update.state.doc.toString());
        }),
        theme,
      ],
    }),
  });
  return {
    focus: () => view.focus(),
    setText(text) {
      if (view.state.doc.toString() !== text) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    setError(error) {
      const diagnostics: Diagnostic[] = [];
      if (error && error.line <= view.state.doc.lines) {
        const { from, to } = view.state.doc.line(error.line);
        diagnostics.push({ from, to, severity: "error", message: error.message.slice(0, 500) });
      }
      view.dispatch(setDiagnostics(view.state, diagnostics));
    },
    destroy: () => view.destroy(),
  };
}
