import type { ApiError } from '../api/error.ts';

/** What is wrong, and the line with a caret under the place. */
export function SqlError(props: {
  readonly error: ApiError;
  readonly sql: string;
  readonly editor: { readonly current: HTMLTextAreaElement | null };
}) {
  const { error, sql } = props;
  const place = error.position;
  const line = place === undefined ? undefined : sql.split('\n')[place.line - 1];
  const goThere = () => {
    const area = props.editor.current;
    if (area === null || place === undefined) return;
    const start =
      sql
        .split('\n')
        .slice(0, place.line - 1)
        .reduce((sum, text) => sum + text.length + 1, 0) +
      place.column -
      1;
    area.focus();
    area.setSelectionRange(start, start + (/^\w+/.exec(sql.slice(start))?.[0].length ?? 1));
  };
  return (
    <div class="panel-body">
      <div class="notice bad" role="alert">
        <p>{error.message}</p>
        {place !== undefined && line !== undefined && (
          <>
            <pre class="caret">
              {`${line}\n${' '.repeat(place.column - 1)}`}
              <mark>^</mark>
            </pre>
            <button type="button" class="button" onClick={goThere}>
              Go to line {place.line}, column {place.column}
            </button>
          </>
        )}
        {error.code !== undefined && <p class="soft small">{error.code}</p>}
      </div>
    </div>
  );
}
