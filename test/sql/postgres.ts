import { connect, type Socket } from 'node:net';

/** What PostgreSQL answers: rows as text, or why not. */
export type PostgresAnswer =
  | { readonly kind: 'rows'; readonly types: readonly number[]; readonly rows: readonly (readonly (string | null)[])[] }
  /** `position` counts characters of the query from 1. */
  | { readonly kind: 'error'; readonly code: string; readonly message: string; readonly position: number | undefined };

/** Field types of ErrorResponse. */
const FIELD = { code: 'C', message: 'M', position: 'P' } as const;

/**
 * The simple query protocol of PostgreSQL, version 3, over a local socket with `trust` (PostgreSQL's manual, "Frontend/Backend
 * Protocol"): enough to ask what it makes of a query.
 */
export class PostgresClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
  }

  static async open(socketPath: string, database: string): Promise<PostgresClient> {
    const socket = connect(socketPath);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const client = new PostgresClient(socket);
    const settings = { user: 'postgres', database, client_encoding: 'UTF8', TimeZone: 'UTC', DateStyle: 'ISO' };
    const text = Object.entries(settings).flat().join('\0');
    const body = Buffer.from(`\0\x03\0\0${text}\0\0`, 'latin1');
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    socket.write(Buffer.concat([length, body]));
    await client.#answer();
    return client;
  }

  /** The answer to the last statement of the text. */
  async ask(sql: string): Promise<PostgresAnswer> {
    const body = Buffer.from(`${sql}\0`);
    const head = Buffer.alloc(5);
    head.write('Q');
    head.writeInt32BE(body.length + 4, 1);
    this.#socket.write(Buffer.concat([head, body]));
    return this.#answer();
  }

  close(): void {
    this.#socket.destroy();
  }

  async #message(): Promise<{ readonly type: string; readonly body: Buffer }> {
    for (;;) {
      const length = this.#received.length < 5 ? Number.POSITIVE_INFINITY : this.#received.readInt32BE(1) + 1;
      if (this.#received.length >= length) {
        const type = this.#received.toString('latin1', 0, 1);
        const body = this.#received.subarray(5, length);
        this.#received = this.#received.subarray(length);
        return { type, body };
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Reads up to ReadyForQuery. */
  async #answer(): Promise<PostgresAnswer> {
    let types: readonly number[] = [];
    let rows: (readonly (string | null)[])[] = [];
    let failure: PostgresAnswer | undefined;
    for (;;) {
      const { type, body } = await this.#message();
      if (type === 'T') {
        types = rowDescription(body);
        rows = [];
      } else if (type === 'D') rows.push(dataRow(body));
      else if (type === 'E') failure = errorResponse(body);
      else if (type === 'Z') return failure ?? { kind: 'rows', types, rows };
    }
  }
}

function rowDescription(body: Buffer): readonly number[] {
  let at = 2;
  return Array.from({ length: body.readInt16BE(0) }, () => {
    at = body.indexOf(0, at) + 1;
    const type = body.readInt32BE(at + 6);
    at += 18;
    return type;
  });
}

function dataRow(body: Buffer): readonly (string | null)[] {
  let at = 2;
  return Array.from({ length: body.readInt16BE(0) }, () => {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) return null;
    at += length;
    return body.toString('utf8', at - length, at);
  });
}

function errorResponse(body: Buffer): PostgresAnswer {
  const fields = new Map(
    body
      .toString()
      .split('\0')
      .map((field) => [field.charAt(0), field.slice(1)]),
  );
  const position = fields.get(FIELD.position);
  return {
    kind: 'error',
    code: fields.get(FIELD.code) ?? '',
    message: fields.get(FIELD.message) ?? '',
    position: position === undefined ? undefined : Number(position),
  };
}
