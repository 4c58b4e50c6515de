/** A fenced block of a page: `sh run until` has language `sh` and the marks `run` and `until`. */
export interface Block {
  readonly language: string;
  readonly marks: readonly string[];
  /** Of a mark `file=pipelines/x.sql`. */
  readonly file: string | undefined;
  readonly text: string;
  /** 1-based, of the opening fence. */
  readonly line: number;
}

const FENCE = /^( *)(`{3,})(.*)$/;

/** The fenced blocks of a page, in order (CommonMark, section 4.5, backticks only). */
export function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const [, indent = '', fence = '', info = ''] = FENCE.exec(lines[i]!) ?? [];
    if (fence === '') continue;
    const close = lines.findIndex((line, at) => at > i && line.trim() === fence);
    const [language = '', ...marks] = info.trim().split(/\s+/);
    const body = lines.slice(i + 1, close).map((line) => line.slice(Math.min(indent.length, line.search(/\S|$/))));
    const file = marks.find((mark) => mark.startsWith('file='))?.slice('file='.length);
    blocks.push({ language, marks, file, text: `${body.join('\n')}\n`, line: i + 1 });
    i = close;
  }
  return blocks;
}
