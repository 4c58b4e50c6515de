/** A LIKE pattern as the kernel takes it (kernel/assembly/functions/like.ts). */
export interface LikePattern {
  readonly kind: 'exact' | 'prefix' | 'suffix' | 'part' | 'general';
  /** UTF-8 with 0xff for any text and 0xfe for any one code point. */
  readonly bytes: Uint8Array;
  /** What is looked for: without the `%` at the ends that `kind` stands for. */
  readonly plain: Uint8Array;
}

const ANY_TEXT = 0xff;
const ANY_ONE = 0xfe;

/** Undefined for a pattern that ends with an escape character: no text can be compared with it. */
export function likePattern(pattern: string, ignoreCase: boolean): LikePattern | undefined {
  const bytes: number[] = [];
  const points = Array.from(ignoreCase ? pattern.toLowerCase() : pattern);
  for (let i = 0; i < points.length; i++) {
    const point = points[i]!;
    if (point === '%') {
      if (bytes.at(-1) !== ANY_TEXT) bytes.push(ANY_TEXT);
    } else if (point === '_') bytes.push(ANY_ONE);
    else if (point !== '\\') bytes.push(...Buffer.from(point, 'utf8'));
    else {
      const next = points[++i];
      if (next === undefined) return undefined;
      bytes.push(...Buffer.from(next, 'utf8'));
    }
  }
  return classify(Uint8Array.from(bytes));
}

function classify(bytes: Uint8Array): LikePattern {
  const open = bytes[0] === ANY_TEXT;
  const close = bytes.length > 1 && bytes[bytes.length - 1] === ANY_TEXT;
  const plain = bytes.subarray(open ? 1 : 0, close ? bytes.length - 1 : bytes.length);
  if (plain.includes(ANY_TEXT) || plain.includes(ANY_ONE)) return { kind: 'general', bytes, plain: bytes };
  // A lone `%` is any text: it begins with the empty one.
  if (open && bytes.length === 1) return { kind: 'prefix', bytes, plain };
  return { kind: open && close ? 'part' : open ? 'suffix' : close ? 'prefix' : 'exact', bytes, plain };
}
