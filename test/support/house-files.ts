/** The project's own files, and its code as the TypeScript compiler reads it: what the house tests look at. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** The project's root. */
export const root = join(import.meta.dirname, '../..');

/** A file of code, parsed; `path` is from the project's root. */
export interface CodeFile {
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

/** A file's text, by its path from the root. */
export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Every file below a folder, by its path from the root; not what was installed or built. */
export function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === 'dist' ? [] : filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

/** Code given as text: for the files here, and for the snippets on which the checks themselves are tried. */
export function codeFile(path: string, text: string): CodeFile {
  const kind = path.endsWith('.ts') ? ts.ScriptKind.TS : ts.ScriptKind.JS;
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true, kind) };
}

/** All code below these folders. */
export const codeBelow = (...folders: string[]): CodeFile[] =>
  folders.flatMap(filesBelow).filter((path) => /\.(?:ts|mjs|js)$/.test(path)).map((path) => codeFile(path, read(path)));

/** Every node of a file's tree, from the top to the bottom. */
export function* nodes(node: ts.Node): Generator<ts.Node> {
  yield node;
  for (const child of node.getChildren()) if (!ts.isJSDoc(child)) yield* nodes(child);
}

/** `path:line`, as a person looks it up. */
export const at = (file: CodeFile, node: ts.Node): string => `${file.path}:${file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line + 1}`;
