import type { Clock } from '../base/clock.ts';
import { HeadraceError } from '../base/error.ts';
import { createRedactor, type Redactor } from './redaction.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = 'text' | 'json';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same logger with these fields on every line. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Receives whole lines, newline included. */
  readonly write: (line: string) => void;
  readonly clock: Pick<Clock, 'now'>;
  /** Secret values that must never appear, whatever field or message they are in. */
  readonly secrets?: readonly string[];
}

/**
 * Structured lines: `2026-01-31T12:00:00.000Z INFO  listening port=8080`, or one JSON object a line. Fields whose name
 * says that they are secret, tokens and known secret values are replaced; an error under `error` is written as its code
 * and message, with the stack at level `debug` only.
 */
export function createLogger(options: LoggerOptions): Logger {
  return new StructuredLogger(options, createRedactor(options.secrets ?? []), {});
}

/** A logger that writes nothing, for tests and libraries. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};

class StructuredLogger implements Logger {
  readonly #options: LoggerOptions;
  readonly #redactor: Redactor;
  readonly #fields: LogFields;

  constructor(options: LoggerOptions, redactor: Redactor, fields: LogFields) {
    this.#options = options;
    this.#redactor = redactor;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#log('debug', message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#log('info', message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#log('warn', message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#log('error', message, fields);
  }

  child(fields: LogFields): Logger {
    return new StructuredLogger(this.#options, this.#redactor, { ...this.#fields, ...fields });
  }

  #log(level: LogLevel, message: string, fields: LogFields | undefined): void {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.#options.level)) return;
    const plain = this.#redactor.fields(this.#plainFields({ ...this.#fields, ...fields }));
    const time = new Date(this.#options.clock.now()).toISOString();
    const text = this.#redactor.text(message);
    const line =
      this.#options.format === 'json'
        ? JSON.stringify({ ...plain, time, level, message: text })
        : textLine(time, level, text, plain);
    this.#options.write(`${line}\n`);
  }

  #plainFields(fields: LogFields): Record<string, unknown> {
    const plain: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      if (value instanceof Error) {
        plain[name] = value.message;
        if (value instanceof HeadraceError) plain[`${name}_code`] = value.code;
        if (this.#options.level === 'debug') plain[`${name}_stack`] = value.stack;
      } else {
        plain[name] = typeof value === 'bigint' ? value.toString() : value;
      }
    }
    return plain;
  }
}

/** One line whatever is in it: control characters are escaped, so that a value cannot forge a second line. */
function textLine(time: string, level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): string {
  let line = `${time} ${level.toUpperCase().padEnd(5)} ${escapeControl(message)}`;
  for (const [name, value] of Object.entries(fields)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    line += ` ${name}=${/^[^\s"=]+$/.test(text) ? escapeControl(text) : JSON.stringify(text)}`;
  }
  return line;
}

function escapeControl(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
