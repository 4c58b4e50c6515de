import type { RefObject } from 'preact';

const LINES_LEAST = 8;
const LINES_MOST = 24;

/** A plain text area that knows its lines; Ctrl-Enter runs, Tab leaves (as everywhere on the page). */
export function SqlEditor(props: {
  readonly editor: RefObject<HTMLTextAreaElement | null>;
  readonly sql: string;
  readonly badLine: number | undefined;
  readonly onInput: (sql: string) => void;
  readonly onRun: () => void;
}) {
  const lines = Math.max(LINES_LEAST, Math.min(LINES_MOST, props.sql.split('\n').length + 1));
  const count = Math.max(lines, props.sql.split('\n').length);
  return (
    <div class="editor">
      <pre aria-hidden="true">
        {Array.from({ length: Math.min(count, LINES_MOST) }, (_, i) => i + 1).map((line) => (
          <span key={line} class={line === props.badLine ? 'bad-line' : ''}>
            {`${line}\n`}
          </span>
        ))}
      </pre>
      <textarea
        ref={props.editor}
        data-search
        aria-label="SQL query"
        aria-invalid={props.badLine !== undefined}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        rows={lines}
        value={props.sql}
        placeholder="SELECT * FROM ..."
        onInput={(event) => props.onInput(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          props.onRun();
        }}
      />
    </div>
  );
}
