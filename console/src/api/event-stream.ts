/** A server-sent event (HTML Standard, section 9.2.6). */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string;
}

/** Cuts the text of an event stream into events; fed piece by piece, wherever the pieces are cut. */
export class EventStreamParser {
  #rest = '';
  #event = '';
  #data: string[] = [];
  #id = '';
  #afterReturn = false;

  push(piece: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    let text = this.#rest + piece;
    if (this.#afterReturn && text.startsWith('\n')) text = text.slice(1);
    if (text !== '') this.#afterReturn = false;
    let start = 0;
    for (let end = nextBreak(text, start); end >= 0; end = nextBreak(text, start)) {
      const event = this.#line(text.slice(start, end));
      if (event !== undefined) events.push(event);
      if (text[end] === '\r' && end + 1 === text.length) this.#afterReturn = true;
      start = end + (text[end] === '\r' && text[end + 1] === '\n' ? 2 : 1);
    }
    this.#rest = text.slice(start);
    return events;
  }

  #line(line: string): ServerEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    return undefined;
  }

  #dispatch(): ServerEvent | undefined {
    const event = { event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id };
    const empty = this.#data.length === 0;
    this.#event = '';
    this.#data = [];
    return empty ? undefined : event;
  }
}

function nextBreak(text: string, from: number): number {
  for (let i = from; i < text.length; i += 1) {
    const char = text.charCodeAt(i);
    if (char === 10 || char === 13) return i;
  }
  return -1;
}
