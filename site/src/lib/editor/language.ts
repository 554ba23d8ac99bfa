import ts from "typescript";
import { type ModuleName, moduleNames, typesOf } from "../modules.ts";

/** A cell of the notebook, in the order of the page. */
export interface LanguageCell {
  readonly id: string;
  readonly source: string;
}

export interface Completion {
  readonly label: string;
  readonly kind: string;
  /** A line to put at the top of the cell, where the name is not in scope yet. */
  readonly import?: string;
}

export interface Explanation {
  /** TypeScript: "function softmax(x: TensorLike, options?: SoftmaxOptions): Tensor". */
  readonly signature: string;
  /** Markdown. */
  readonly doc: string;
}

export interface SignatureHint extends Explanation {
  /** Where in `signature` the parameter under the cursor stands. */
  readonly active: readonly [number, number] | null;
}

/** A mistake, from and to in characters of the cell. */
export interface Mistake {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

/** Types within a notebook: positions are those of the cell's own text. */
export interface Language {
  /** Tells what all cells say now. */
  update(cells: readonly LanguageCell[]): void;
  complete(cell: string, at: number): Completion[];
  /** The type and the docstring of a completion. */
  explain(cell: string, at: number, completion: Completion): Explanation | null;
  hover(cell: string, at: number): (Explanation & { readonly from: number; readonly to: number }) | null;
  signature(cell: string, at: number): SignatureHint | null;
  mistakes(cell: string): Mistake[];
}

/** Cells share variables, so that a later one may assign what an import brings here. */
const allowed = new Set([2588, 2632, 1108]);

/** "… implicitly has an 'any' type": a learner's `x => x + 1` needs no types. */
const untyped = (code: number): boolean => code >= 7005 && code <= 7057;

/** A cell as a module: what comes before its text, and what it hands on to those below. */
interface Module {
  readonly source: string;
  readonly version: number;
  readonly text: string;
  readonly offset: number;
  readonly declares: readonly string[];
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  moduleDetection: ts.ModuleDetectionKind.Force,
  lib: ["lib.esnext.d.ts", "lib.webworker.d.ts"],
  types: [],
  strict: true,
  // So that `const rows = []` takes the type of what is pushed; its complaints are left out, see `untyped`.
  noImplicitAny: true,
  skipLibCheck: true,
  allowUnreachableCode: true,
  allowUnusedLabels: true,
  noEmit: true,
  paths: Object.fromEntries(moduleNames.map((p) => [`@gradus/${p}`, [typesOf(p)]])),
};

/** A language service over the cells of a notebook; `files` are the declarations that scripts/types.ts has collected. */
export function createLanguage(files: Readonly<Record<string, string>>): Language {
  const libraries = new Map(Object.entries(files).map(([path, text]) => [path, ts.ScriptSnapshot.fromString(text)]));
  const modules = new Map<string, Module>();
  let order: readonly string[] = [];
  let changes = 0;

  const path = (id: string): string => `/cells/${encodeURIComponent(id)}.ts`;
  const byPath = (file: string): Module | undefined =>
    file.startsWith("/cells/") ? modules.get(decodeURIComponent(file.slice(7, -3))) : undefined;
  const exists = (file: string): boolean => libraries.has(file) || byPath(file) !== undefined;
  const read = (file: string): string | undefined => byPath(file)?.text ?? files[file];
  const folders = new Set<string>();
  for (const file of libraries.keys())
    for (let i = file.indexOf("/", 1); i > 0; i = file.indexOf("/", i + 1)) folders.add(file.slice(0, i));

  const service = ts.createLanguageService({
    getCompilationSettings: () => options,
    getScriptFileNames: () => order.map(path),
    getScriptVersion: (file) => String(byPath(file)?.version ?? 0),
    getScriptSnapshot(file) {
      const module = byPath(file);
      return module ? ts.ScriptSnapshot.fromString(module.text) : libraries.get(file);
    },
    getCurrentDirectory: () => "/cells",
    getDefaultLibFileName: () => "/lib/lib.esnext.d.ts",
    fileExists: exists,
    readFile: read,
    directoryExists: (folder) => folders.has(folder) || folder === "/cells" || folder === "/",
    getDirectories: () => [],
  });

  /** Exported names of our packages, for what is not imported yet. */
  let known: Map<string, { readonly from: string; readonly kind: string }> | null = null;
  function exportsOfPackages(): NonNullable<typeof known> {
    if (known) return known;
    known = new Map();
    const program = service.getProgram()!;
    const checker = program.getTypeChecker();
    for (const p of moduleNames) {
      const file = program.getSourceFile(typesOf(p));
      const symbol = file && checker.getSymbolAtLocation(file);
      for (const e of symbol ? checker.getExportsOfModule(symbol) : []) {
        const { flags } = e.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(e) : e;
        if (!(flags & ts.SymbolFlags.Value) || known.has(e.name)) continue;
        const kind =
          flags & ts.SymbolFlags.Class
            ? "class"
            : flags & ts.SymbolFlags.Function
              ? "function"
              : flags & ts.SymbolFlags.Namespace
                ? "namespace"
                : "variable";
        known.set(e.name, { from: `@gradus/${p}`, kind });
      }
    }
    return known;
  }

  const place = (cell: string) => {
    const module = modules.get(cell);
    if (!module) throw new Error(`There is no cell ${cell}.`);
    return { module, file: path(cell) };
  };

  return {
    update(cells) {
      order = cells.map((c) => c.id);
      for (const id of modules.keys()) if (!order.includes(id)) modules.delete(id);
      const owner = new Map<string, string>();
      for (const { id, source } of cells) {
        const before = modules.get(id);
        const declares = before?.source === source ? before.declares : declarationsOf(source);
        const wanted = new Map<string, string[]>();
        for (const [name, cell] of owner)
          if (!declares.includes(name) && new RegExp(`(?<![\\w$])(?<!(?<!\\.\\.)\\.)${name.replace(/\$/g, "\\$&")}(?![\\w$])`).test(source))
            wanted.set(cell, [...(wanted.get(cell) ?? []), name]);
        const imports = [...wanted]
          .map(([cell, names]) => `import { ${names.join(", ")} } from "./${encodeURIComponent(cell)}"; `)
          .join("");
        const text = `${imports}${source}\nexport { ${declares.join(", ")} };\n`;
        if (before?.text !== text) modules.set(id, { source, version: ++changes, text, offset: imports.length, declares });
        for (const name of declares) owner.set(name, id);
      }
      // Every package is read from the start, so that its names can be offered.
      if (!modules.has(""))
        modules.set("", {
          source: "",
          version: 0,
          text: moduleNames.map((p) => `import "@gradus/${p}";`).join("\n"),
          offset: 0,
          declares: [],
        });
      order = [...order, ""];
    },

    complete(cell, at) {
      const { module, file } = place(cell);
      const found = service.getCompletionsAtPosition(file, at + module.offset, { includeCompletionsWithInsertText: false });
      const list: Completion[] = (found?.entries ?? [])
        .filter((e) => e.kind !== ts.ScriptElementKind.warning)
        .map((e) => ({ label: e.name, kind: e.kind }));
      if (!found || found.isMemberCompletion) return list;
      const have = new Set(list.map((c) => c.label));
      for (const [label, { from, kind }] of exportsOfPackages())
        if (!have.has(label)) list.push({ label, kind, import: `import { ${label} } from "${from}";` });
      return list;
    },

    explain(cell, at, { label, import: line }) {
      const { module, file } = place(cell);
      if (line) {
        const from = (/from "@gradus\/([\w/]+)"/.exec(line)?.[1] ?? "") as ModuleName;
        const program = service.getProgram()!;
        const checker = program.getTypeChecker();
        const source = program.getSourceFile(typesOf(from));
        const symbol = source && checker.getSymbolAtLocation(source);
        const found = symbol && checker.getExportsOfModule(symbol).find((e) => e.name === label);
        const target = found && found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found;
        if (!target || !source) return null;
        const type = checker.typeToString(checker.getTypeOfSymbolAtLocation(target, source));
        return {
          signature: `${label}: ${type}`,
          doc: docOf(target.getDocumentationComment(checker)),
        };
      }
      const details = service.getCompletionEntryDetails(file, at + module.offset, label, {}, undefined, undefined, undefined);
      return details ? { signature: ts.displayPartsToString(details.displayParts), doc: docOf(details.documentation) } : null;
    },

    hover(cell, at) {
      const { module, file } = place(cell);
      const info = service.getQuickInfoAtPosition(file, at + module.offset);
      if (!info || info.textSpan.start < module.offset) return null;
      const from = info.textSpan.start - module.offset;
      return {
        from,
        to: Math.min(module.source.length, from + info.textSpan.length),
        signature: ts
          .displayPartsToString(info.displayParts)
          .replace(/^\(alias\) /, "")
          .replace(/\nimport \w+$/, ""),
        doc: docOf(info.documentation),
      };
    },

    signature(cell, at) {
      const { module, file } = place(cell);
      const help = service.getSignatureHelpItems(file, at + module.offset, undefined);
      const item = help?.items[help.selectedItemIndex];
      if (!help || !item) return null;
      let signature = ts.displayPartsToString(item.prefixDisplayParts);
      let active: readonly [number, number] | null = null;
      let doc = docOf(item.documentation);
      item.parameters.forEach((p, i) => {
        if (i) signature += ts.displayPartsToString(item.separatorDisplayParts);
        const text = ts.displayPartsToString(p.displayParts);
        if (i === help.argumentIndex) {
          active = [signature.length, signature.length + text.length];
          const own = docOf(p.documentation);
          if (own) doc = `${doc}\n\n**${p.name}** ${own}`;
        }
        signature += text;
      });
      return { signature: signature + ts.displayPartsToString(item.suffixDisplayParts), active, doc };
    },

    mistakes(cell) {
      const { module, file } = place(cell);
      const found = [...service.getSyntacticDiagnostics(file), ...service.getSemanticDiagnostics(file)];
      const end = module.source.length;
      return found
        .filter((d) => d.category === ts.DiagnosticCategory.Error && !allowed.has(d.code) && !untyped(d.code) && d.start !== undefined)
        .map((d) => ({
          from: d.start! - module.offset,
          to: d.start! - module.offset + (d.length ?? 0),
          message: ts.flattenDiagnosticMessageText(d.messageText, "\n").slice(0, 1000),
        }))
        .filter((d) => d.from >= 0 && d.from <= end)
        .map((d) => ({ ...d, to: Math.min(end, Math.max(d.to, d.from)) }));
    },
  };
}

const docOf = (parts: readonly ts.SymbolDisplayPart[] | undefined): string => ts.displayPartsToString(parts ? [...parts] : []);

/** What a cell declares at its top, types and imports included. */
function declarationsOf(source: string): string[] {
  const names = new Set<string>();
  const bind = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) {
      if (name.text) names.add(name.text);
    } else for (const e of name.elements) if (ts.isBindingElement(e)) bind(e.name);
  };
  for (const s of ts.createSourceFile("cell.ts", source, ts.ScriptTarget.ESNext).statements) {
    if (ts.isVariableStatement(s)) for (const d of s.declarationList.declarations) bind(d.name);
    else if (
      ts.isFunctionDeclaration(s) ||
      ts.isClassDeclaration(s) ||
      ts.isInterfaceDeclaration(s) ||
      ts.isTypeAliasDeclaration(s) ||
      ts.isEnumDeclaration(s)
    ) {
      if (s.name) names.add(s.name.text);
    } else if (ts.isImportDeclaration(s)) {
      const clause = s.importClause;
      if (clause?.name) names.add(clause.name.text);
      if (clause?.namedBindings) {
        if (ts.isNamespaceImport(clause.namedBindings)) names.add(clause.namedBindings.name.text);
        else for (const e of clause.namedBindings.elements) names.add(e.name.text);
      }
    }
  }
  return [...names];
}
