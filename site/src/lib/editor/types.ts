import { autocompletion, type Completion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import type { Diagnostic } from "@codemirror/lint";
import { type EditorState, type Extension, Prec, StateEffect, StateField } from "@codemirror/state";
import { EditorView, hoverTooltip, keymap, showTooltip, type Tooltip, ViewPlugin } from "@codemirror/view";
import { moduleNames } from "../modules.ts";
import type { Session } from "../notebook/session.svelte.ts";
import { LanguageClient } from "./client.ts";
import type { Completion as Found, SignatureHint } from "./language.ts";

const clients = new WeakMap<Session, LanguageClient>();

function clientOf(session: Session): LanguageClient {
  let client = clients.get(session);
  if (!client) clients.set(session, (client = new LanguageClient(session)));
  return client;
}

/** After the last key: types are checked when one pauses. */
const pause = 600;

/** Completion, signatures, types on hovering, and type errors, which are given to `show`. All start when the editor gets the focus. */
export function typeSupport(session: Session, id: string, show: (mistakes: readonly Diagnostic[]) => void): Extension {
  const client = clientOf(session);
  return [
    signatures(client, id),
    autocompletion({ override: [completing(client, id)], icons: false, maxRenderedOptions: 60 }),
    hoverTooltip(
      async (view, at) => {
        const found = await client.ask("hover", id, at);
        if (!found || found.to > view.state.doc.length) return null;
        return { pos: found.from, end: found.to, above: true, create: () => ({ dom: explained(found.signature, found.doc) }) };
      },
      { hoverTime: 400, hideOnChange: true },
    ),
    checking(client, id, show),
  ];
}

const kinds: Readonly<Record<string, string>> = {
  ...{ function: "function", method: "method", class: "class", interface: "interface", type: "type", keyword: "keyword" },
  ...{ property: "property", module: "namespace", namespace: "namespace" },
};
/** What is at hand comes first, then what can be imported, then the language. */
const near = new Set(["const", "let", "var", "alias", "parameter", "local var", "local function", "property", "method", "getter"]);

function completing(client: LanguageClient, id: string) {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const path = context.matchBefore(/from\s+["'][^"']*/);
    if (path) {
      const from = path.from + /^from\s+["']/.exec(path.text)![0].length;
      return { from, options: moduleNames.map((p) => ({ label: `@gradus/${p}`, type: "namespace" })) };
    }
    const word = context.matchBefore(/[\w$]*/);
    const from = word?.from ?? context.pos;
    const member = context.state.sliceDoc(from - 1, from) === ".";
    if (!context.explicit && !member && from === context.pos) return null;
    const found = await client.ask("complete", id, context.pos);
    if (!found?.length || context.aborted) return null;
    return { from, validFor: /^[\w$]*$/, options: found.map((f) => option(client, id, context.pos, f)) };
  };
}

function option(client: LanguageClient, id: string, at: number, found: Found): Completion {
  const { label, kind, import: line } = found;
  return {
    label,
    type: kinds[kind] ?? "variable",
    ...(line ? { detail: /"(.*)"/.exec(line)![1]! } : {}),
    boost: near.has(kind) ? 2 : line ? 1 : kind === "keyword" ? 0 : -1,
    info: async () => {
      const told = await client.ask("explain", id, at, found);
      return told ? explained(told.signature, told.doc) : null;
    },
    ...(line ? { apply: (view: EditorView, _: Completion, from: number, to: number) => importing(view, label, line, from, to) } : {}),
  };
}

/** Writes the name, and its import: beside others of the same package, else as a new first line. */
function importing(view: EditorView, label: string, line: string, from: number, to: number): void {
  const module = /"(.*)"/.exec(line)![1]!;
  const existing = new RegExp(`import \\{([^}]*)\\} from "${module}"`).exec(view.state.doc.toString());
  const inside = existing ? existing.index + "import {".length + existing[1]!.trimEnd().replace(/,$/, "").length : 0;
  view.dispatch({
    changes: [existing ? { from: inside, insert: `, ${label}` } : { from: 0, insert: `${line}\n` }, { from, to, insert: label }],
    userEvent: "input.complete",
  });
}

/** A signature in code, its docstring below; words between backticks are code. */
function explained(signature: string, doc: string, active: readonly [number, number] | null = null): HTMLElement {
  const dom = document.createElement("div");
  dom.className = "explained";
  const code = dom.appendChild(document.createElement("code"));
  if (active) {
    code.append(signature.slice(0, active[0]));
    code.appendChild(document.createElement("strong")).textContent = signature.slice(...active);
    code.append(signature.slice(active[1]));
  } else code.textContent = signature.slice(0, 1500);
  for (const part of doc.split(/\n\s*\n/).filter((p) => p.trim())) {
    const p = dom.appendChild(document.createElement("p"));
    part.split(/(`[^`]+`|\*\*[^*]+\*\*)/).forEach((piece, i) => {
      if (i % 2 === 0) p.append(piece);
      else
        p.appendChild(document.createElement(piece.startsWith("`") ? "code" : "strong")).textContent = piece.replace(/^[`*]+|[`*]+$/g, "");
    });
  }
  return dom;
}

// ------------------------------------------------------------------------------------------------------------- signatures

const setHint = StateEffect.define<Tooltip | null>();
const hint = StateField.define<Tooltip | null>({
  create: () => null,
  update(value, tr) {
    for (const effect of tr.effects) if (effect.is(setHint)) return effect.value;
    return value && tr.docChanged ? { ...value, pos: tr.changes.mapPos(value.pos) } : value;
  },
  provide: (field) => showTooltip.from(field),
});

/** Whether the cursor may stand within a call's brackets. */
const inCall = (state: EditorState): boolean =>
  /\([^;]*$/.test(state.sliceDoc(Math.max(0, state.selection.main.head - 2000), state.selection.main.head));

function signatures(client: LanguageClient, id: string): Extension {
  let asked = 0;
  async function ask(view: EditorView): Promise<void> {
    const mine = ++asked;
    const at = view.state.selection.main.head;
    const found = inCall(view.state) ? await client.ask("signature", id, at) : null;
    if (mine !== asked || view.state.selection.main.head !== at) return;
    if (found || view.state.field(hint)) view.dispatch({ effects: setHint.of(found ? tooltip(at, found) : null) });
  }
  const tooltip = (pos: number, { signature, doc, active }: SignatureHint): Tooltip => ({
    pos,
    above: true,
    create: () => {
      const dom = explained(signature, doc, active);
      dom.setAttribute("role", "status");
      return { dom };
    },
  });
  const watch = EditorView.updateListener.of((update) => {
    const open = update.state.field(hint) !== null;
    const typed = update.transactions.some(
      (tr) => tr.isUserEvent("input.type") && /[(,]/.test(update.state.sliceDoc(tr.newSelection.main.head - 1, tr.newSelection.main.head)),
    );
    if (typed || (open && (update.docChanged || update.selectionSet))) queueMicrotask(() => void ask(update.view));
  });
  const keys = Prec.highest(
    keymap.of([
      {
        key: "Mod-Shift-Space",
        run: (view) => {
          void ask(view);
          return true;
        },
      },
      {
        // A list of completions goes with it.
        key: "Escape",
        run: (view) => {
          asked++;
          if (view.state.field(hint)) view.dispatch({ effects: setHint.of(null) });
          return false;
        },
      },
    ]),
  );
  return [hint, watch, keys];
}

// ---------------------------------------------------------------------------------------------------------------- mistakes

function checking(client: LanguageClient, id: string, show: (mistakes: readonly Diagnostic[]) => void): Extension {
  return ViewPlugin.define((view) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    async function check(): Promise<void> {
      const { doc } = view.state;
      const found = await client.ask("mistakes", id);
      // What was found is of a text that has changed since: the next check comes.
      if (view.state.doc !== doc || !view.dom.isConnected) return;
      show((found ?? []).map(({ from, to, message }) => ({ from, to: Math.max(to, from), message, severity: "error", source: "types" })));
    }
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(() => void check(), pause);
    };
    view.dom.addEventListener("focusin", soon);
    return {
      update: (update) => {
        if (update.docChanged && view.hasFocus) soon();
      },
      destroy: () => clearTimeout(timer),
    };
  });
}
