import { closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
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
  ".cm-tooltip.cm-completionInfo": { padding: "0" },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", fontSize: "0.86rem" },
  ".cm-completionDetail": { fontStyle: "normal", color: "var(--quiet)", fontSize: "0.78rem" },
  ".cm-tooltip-autocomplete ul li[aria-selected] .cm-completionDetail": { color: "inherit" },
  ".explained": { padding: "0.45rem 0.7rem", maxWidth: "34rem", maxHeight: "16rem", overflowY: "auto", font: "0.92rem/1.5 var(--sans)" },
  ".explained > code": { display: "block", font: "0.82rem/1.5 var(--mono)", whiteSpace: "pre-wrap", overflowWrap: "anywhere" },
  ".explained p": { margin: "0.35rem 0 0" },
  ".explained p code": { font: "0.86em var(--mono)" },
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
  /** What the last run has said, and what the types say. */
  let failures: readonly Diagnostic[] = [];
  let mistakes: readonly Diagnostic[] = [];
  const showMistakes = () => {
    const { length } = view.state.doc;
    const all = [...failures, ...mistakes].filter((d) => d.to <= length);
    view.dispatch(setDiagnostics(view.state, all));
  };
  const view: EditorView = new EditorView({
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
        typeSupport(session, id, (found) => {
          mistakes = found;
          showMistakes();
        }),
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
      failures = [];
      if (error && error.line <= view.state.doc.lines) {
        const { from, to } = view.state.doc.line(error.line);
        failures = [{ from, to, severity: "error", message: error.message.slice(0, 500) }];
      }
      showMistakes();
    },
    destroy: () => view.destroy(),
  };
}
