/** One message of a server-sent event stream. */
export interface ServerEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
}

/** Reads server-sent events (WHATWG HTML, section 9.2) until the stream ends. */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    let end = text.indexOf('\n\n');
    while (end >= 0) {
      const event = parseEvent(text.slice(0, end));
      if (event !== undefined) yield event;
      text = text.slice(end + 2);
      end = text.indexOf('\n\n');
    }
  }
}

function parseEvent(block: string): ServerEvent | undefined {
  let id: string | undefined;
  let event: string | undefined;
  let data: string | undefined;
  for (const line of block.split('\n')) {
    const mark = line.indexOf(':');
    const name = mark < 0 ? line : line.slice(0, mark);
    const value = mark < 0 ? '' : line.slice(mark + 1).replace(/^ /, '');
    if (name === 'id') id = value;
    if (name === 'event') event = value;
    if (name === 'data') data = data === undefined ? value : `${data}\n${value}`;
  }
  return data === undefined ? undefined : { id, event, data };
}
