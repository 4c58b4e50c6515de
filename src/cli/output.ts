/** Where a command writes; a parameter, so that tests see what a user would. */
export interface Terminal {
  /** Whole text, newlines included. */
  out(text: string): void;
  err(text: string): void;
  /** Columns of the terminal; undefined when the output is not one, and then nothing is cut. */
  readonly width: number | undefined;
  readonly colors: boolean;
  /** Whether progress may be drawn over itself on the error stream. */
  readonly interactive: boolean;
}

/** A command that does not end by itself when nobody reads is ended. */
const CLOSED_GRACE_MS = 5_000;
/** The reader went away (`| head`), or the terminal hung up. */
const CLOSED_CODES: ReadonlySet<string | undefined> = new Set(['EPIPE', 'EIO', 'ERR_STREAM_DESTROYED']);

/** `onClosed` is called once, when nobody reads the output any more: the command is to end, and that is no error. */
export function processTerminal(env: Readonly<Record<string, string | undefined>>, onClosed: () => void): Terminal {
  const { stdout, stderr } = process;
  let closed = false;
  const gone = (error: NodeJS.ErrnoException): void => {
    if (!CLOSED_CODES.has(error.code)) throw error;
    if (closed) return;
    closed = true;
    setTimeout(() => process.exit(0), CLOSED_GRACE_MS).unref();
    onClosed();
  };
  stdout.on('error', gone);
  stderr.on('error', gone);
  return {
    out: (text) => void (closed || stdout.write(text)),
    err: (text) => void (closed || stderr.write(text)),
    get width() {
      return stdout.isTTY ? stdout.columns : undefined;
    },
    colors: stdout.isTTY === true && env.NO_COLOR === undefined,
    interactive: stderr.isTTY === true,
  };
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';
const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

/** ANSI styling, when the terminal has colours. */
export function styled(terminal: Terminal, style: Style, text: string): string {
  if (!terminal.colors) return text;
  const [on, off] = CODES[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

/** One line that says how far a long work is; drawn over itself on a terminal, silent elsewhere. */
export class Progress {
  readonly #terminal: Terminal;
  #drawn = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(text: string): void {
    if (!this.#terminal.interactive) return;
    this.#drawn = true;
    this.#terminal.err(`\r\u001b[2K${text}`);
  }

  clear(): void {
    if (this.#drawn) this.#terminal.err('\r\u001b[2K');
    this.#drawn = false;
  }
}
