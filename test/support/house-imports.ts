/** Who imports whom, as the TypeScript compiler sees it. */
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { at, nodes, type CodeFile } from './house-files.ts';

/** One import, re-export, `import()`, `import('…')` in a type, or `require()`. */
export interface Import {
  /** `path:line` of the one who imports. */
  readonly at: string;
  readonly from: string;
  /**
   * A path from the root for a file of ours, `node:…` for what node has, else the name of a package (without the path in
   * it): the prefixes tell them apart, because a file of ours always begins with its folder and a slash.
   */
  readonly to: string;
  /** `own` a file of this project · `node` · `package` any other. */
  readonly kind: 'own' | 'node' | 'package';
  /** True when nothing of it is there at run time. */
  readonly typeOnly: boolean;
}

/** Our packages by the name that others import them by. */
const PACKAGES: ReadonlyMap<string, string> = new Map([['banban-shared', 'packages/shared/src/index.ts']]);

const packageName = (specifier: string): string => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');

function target(from: string, specifier: string): Pick<Import, 'to' | 'kind'> {
  if (specifier.startsWith('.')) return { kind: 'own', to: join(dirname(from), specifier) };
  if (specifier.startsWith('node:')) return { kind: 'node', to: specifier };
  if (builtinModules.includes(specifier)) return { kind: 'node', to: `node:${specifier}` };
  const own = PACKAGES.get(specifier);
  return own === undefined ? { kind: 'package', to: packageName(specifier) } : { kind: 'own', to: own };
}

/** True when an import statement brings in types alone. */
function isTypeOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const named = clause.namedBindings;
  return clause.name === undefined && named !== undefined && ts.isNamedImports(named) && named.elements.length > 0 && named.elements.every((one) => one.isTypeOnly);
}

/** Everything that a file imports. */
export function importsOf(file: CodeFile): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) found.push({ at: at(file, node), from: file.path, ...target(file.path, specifier.text), typeOnly });
  };
  for (const node of nodes(file.tree)) {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, isTypeOnly(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node)) add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    else if (ts.isCallExpression(node) && (node.expression.kind === ts.SyntaxKind.ImportKeyword || node.expression.getText() === 'require')) add(node, node.arguments[0], false);
  }
  return found;
}

/**
 * The rings in who imports whom, one for each group of files that are all reachable from each other: a shortest way round,
 * from the first of them by name back to itself. Imports of types count: two files that need each other are one idea.
 */
export function rings(imports: readonly Import[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { kind, from, to } of imports) if (kind === 'own') next.set(from, [...(next.get(from) ?? []), to]);
  const found: string[][] = [];
  const seen = new Set<string>();
  for (const start of [...next.keys()].sort()) {
    if (seen.has(start)) continue;
    const ring = wayBack(start, next);
    if (ring === undefined) continue;
    for (const file of ring) seen.add(file);
    found.push(ring);
  }
  return found;
}

/** The shortest way from `start` along `next` to itself. */
function wayBack(start: string, next: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const reached = new Set<string>();
  let ways = [[start]];
  while (ways.length > 0) {
    const longer: string[][] = [];
    for (const way of ways) {
      for (const to of next.get(way.at(-1) ?? '') ?? []) {
        if (to === start) return [...way, start];
        if (reached.has(to)) continue;
        reached.add(to);
        longer.push([...way, to]);
      }
    }
    ways = longer;
  }
  return undefined;
}
