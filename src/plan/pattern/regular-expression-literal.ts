import type { RegularExpressionTree } from './regular-expression-syntax.ts';

/** A text that is part of every match. */
export interface RequiredLiteral {
  readonly text: string;
  /** Code points of a match before it, at most; may be infinite. */
  readonly before: number;
}

/** The longest text that every match must hold; undefined when there is none. What it cannot be in need not be searched. */
export function requiredLiteral(tree: RegularExpressionTree): RequiredLiteral | undefined {
  let best: RequiredLiteral | undefined;
  let text = '';
  let before = 0;
  let width = 0;
  const end = (): void => {
    if (text.length > (best?.text.length ?? 0)) best = { text, before };
    text = '';
  };
  for (const part of partsOf(tree)) {
    if (part.kind === 'test' && part.point !== undefined) {
      if (text === '') before = width;
      text += part.point;
    } else if (widthOf(part) > 0) end();
    width += widthOf(part);
  }
  end();
  return best;
}

/** What follows each other for certain. */
function partsOf(tree: RegularExpressionTree): readonly RegularExpressionTree[] {
  if (tree.kind === 'group') return partsOf(tree.item);
  if (tree.kind === 'sequence') return tree.items.flatMap(partsOf);
  if (tree.kind === 'repeat' && tree.min === 1 && tree.max === 1) return partsOf(tree.item);
  return [tree];
}

/** Code points that it takes, at most. */
function widthOf(tree: RegularExpressionTree): number {
  switch (tree.kind) {
    case 'test':
      return 1;
    case 'group':
      return widthOf(tree.item);
    case 'sequence':
      return tree.items.reduce((sum, item) => sum + widthOf(item), 0);
    case 'choice':
      return Math.max(0, ...tree.items.map(widthOf));
    case 'repeat': {
      const width = widthOf(tree.item);
      return width === 0 ? 0 : width * tree.max;
    }
    default:
      return 0;
  }
}
