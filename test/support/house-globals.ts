/** What a file takes from the air: globals that no import declares, such as `Date.now` and `process`. */
import ts from 'typescript';
import { at, nodes, type CodeFile } from './house-files.ts';

/** One use of a global; `name` is as it was asked for. */
export interface GlobalUse {
  readonly at: string;
  readonly path: string;
  readonly name: string;
}

/** True where the identifier stands for a variable: not as the name of a property, a parameter's label or a key. */
function isVariable(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent) || ts.isQualifiedName(parent)) return node === (ts.isQualifiedName(parent) ? parent.left : parent.expression);
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent) || ts.isTypeReferenceNode(parent)) return false;
  return !('name' in parent && parent.name === node);
}

/**
 * Where a file uses any of `names`: `setTimeout`, `Date.now`, `new Date()` (the instant that it is made, with no argument).
 * A name that stands alone also means all that hangs on it: `process` is `process.env`, too.
 */
export function globalUses(file: CodeFile, names: readonly string[]): GlobalUse[] {
  const found: GlobalUse[] = [];
  const use = (node: ts.Node, name: string): void => {
    if (names.includes(name)) found.push({ at: at(file, node), path: file.path, name });
  };
  for (const node of nodes(file.tree)) {
    if (ts.isIdentifier(node) && isVariable(node)) {
      use(node, node.text);
      if (ts.isPropertyAccessExpression(node.parent)) use(node, `${node.text}.${node.parent.name.text}`);
      if (ts.isElementAccessExpression(node.parent) && ts.isStringLiteralLike(node.parent.argumentExpression)) use(node, `${node.text}.${node.parent.argumentExpression.text}`);
      // const { now } = Date;
      if (ts.isVariableDeclaration(node.parent) && ts.isObjectBindingPattern(node.parent.name)) {
        for (const { name, propertyName } of node.parent.name.elements) use(node, `${node.text}.${(propertyName ?? name).getText()}`);
      }
    }
    const made = (ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0;
    if (made) use(node, 'new Date()');
  }
  return found;
}
