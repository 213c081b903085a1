/** What a file of code looks like: its exports, its types, its comments. Each check answers with the places that are at fault. */
import ts from 'typescript';
import { at, nodes, type CodeFile } from './house-files.ts';

const has = (node: ts.Node, kind: ts.SyntaxKind): boolean => ts.canHaveModifiers(node) && ts.getModifiers(node)?.some((one) => one.kind === kind) === true;

/** `export default`, in either form, and `export { x as default }`. */
export const defaultExports = (file: CodeFile): string[] =>
  [...nodes(file.tree)]
    .filter((node) => ts.isExportAssignment(node) || has(node, ts.SyntaxKind.DefaultKeyword) || (ts.isExportSpecifier(node) && node.name.text === 'default'))
    .map((node) => at(file, node));

/** The type `any`. */
export const anyTypes = (file: CodeFile): string[] => [...nodes(file.tree)].filter((node) => node.kind === ts.SyntaxKind.AnyKeyword).map((node) => at(file, node));

/** A claim about a type that the compiler takes on trust. `type` is as written; `!` for "not null". */
export interface Assertion {
  readonly at: string;
  readonly path: string;
  readonly type: string;
}

/** `x as T`, `<T>x` and `x!`; not `as const`, which claims nothing. */
export function assertions(file: CodeFile): Assertion[] {
  const found: Assertion[] = [];
  for (const node of nodes(file.tree)) {
    const type = ts.isAsExpression(node) || ts.isTypeAssertionExpression(node) ? node.type.getText() : ts.isNonNullExpression(node) ? '!' : 'const';
    if (type !== 'const') found.push({ at: at(file, node), path: file.path, type });
  }
  return found;
}

/** What silences the compiler: a directive of its in a comment. */
export const silenced = (file: CodeFile): string[] => (/@ts-(?:ignore|nocheck|expect-error)/.test(file.text) ? [file.path] : []);

/** `export … from`. */
export const reExports = (file: CodeFile): string[] =>
  file.tree.statements.filter((node) => ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined).map((node) => at(file, node));

/** `type X = Infer<typeof x>`: the type of a schema literal, whose docstring is that of the literal. */
const inferredFrom = (node: ts.Statement): string | undefined => (ts.isTypeAliasDeclaration(node) ? /^Infer<typeof (\w+)>$/.exec(node.type.getText())?.[1] : undefined);

/** True when a docstring ends on the line above. */
function isDocumented(file: CodeFile, node: ts.Statement): boolean {
  const last = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc).at(-1);
  if (last === undefined) return false;
  const line = (position: number): number => file.tree.getLineAndCharacterOfPosition(position).line;
  return line(last.end) + 1 === line(node.getStart(file.tree));
}

const namesOf = (node: ts.Statement): string[] =>
  ts.isVariableStatement(node) ? node.declarationList.declarations.map((one) => one.name.getText()) : 'name' in node && node.name !== undefined ? [(node.name as ts.Identifier).getText()] : [];

/** Exports without a docstring directly above; `export { … }` is one, because nothing can stand above it. */
export function undocumentedExports(file: CodeFile): string[] {
  const exported = file.tree.statements.filter((node) => has(node, ts.SyntaxKind.ExportKeyword));
  const documented = new Set(exported.filter((node) => isDocumented(file, node)).flatMap(namesOf));
  const bare = exported.filter((node) => !isDocumented(file, node) && !documented.has(inferredFrom(node) ?? ''));
  const listed = file.tree.statements.filter((node) => ts.isExportDeclaration(node) && node.moduleSpecifier === undefined);
  return [...bare, ...listed].map((node) => `${at(file, node)} ${namesOf(node).join(', ')}`);
}

/** The comment that a file begins with, '' when it begins with something else. */
export function openingComment(file: CodeFile): string {
  const range = ts.getLeadingCommentRanges(file.text, 0)?.[0];
  return range !== undefined && range.pos === 0 ? file.text.slice(range.pos, range.end) : '';
}

/** So many lines need a reason. */
export const LONG = 300;

/** Files of more than 300 lines whose first comment does not say why they are long. */
export const longWithoutReason = (file: CodeFile): string[] => {
  const lines = file.text.trimEnd().split('\n').length;
  return lines > LONG && !/\bis long(?:er)?\b/.test(openingComment(file)) ? [`${file.path} has ${lines} lines`] : [];
};

/** True for `name.ts`, `some-name.test.ts`, `name.d.ts` and numbered ones; folders without an extension. */
export const isKebabCase = (name: string): boolean => /^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z]+)*$/.test(name);

/** True for names that say nothing of what is inside. */
export const saysNothing = (name: string): boolean => /^(?:utils?|helpers?|misc|common|stuff|lib|tools?)$/.test(name.replace(/\..*$/, ''));

/** What a file exports by name: `export const x`, `export interface X` and so on. */
export interface Exported {
  readonly at: string;
  readonly name: string;
  /** True for what is gone at run time. */
  readonly isType: boolean;
}

const exportedNames = (file: CodeFile): Exported[] =>
  file.tree.statements
    .filter((node) => has(node, ts.SyntaxKind.ExportKeyword))
    .flatMap((node) => namesOf(node).map((name) => ({ at: at(file, node), name, isType: ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) })));

/**
 * Exports of `files` that no other of `readers` names. A type that its own file names again is used: it is part of what
 * something else exports.
 */
export function unusedExports(files: readonly CodeFile[], readers: readonly CodeFile[]): string[] {
  const words = readers.map((file) => ({ path: file.path, names: new Set(file.text.match(/\w+/g)) }));
  const again = (file: CodeFile, name: string): boolean => (file.text.match(new RegExp(`\\b${name}\\b`, 'g')) ?? []).length > 1;
  return files.flatMap((file) =>
    exportedNames(file)
      .filter(({ name, isType }) => !words.some(({ path, names }) => path !== file.path && names.has(name)) && !(isType && again(file, name)))
      .map(({ at: where, name }) => `${where} ${name}`),
  );
}
