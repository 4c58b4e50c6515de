export const REDACTED = '[redacted]';

/** Shorter values would take ordinary words out of messages. */
const SECRET_LENGTH_MIN = 4;
const DEPTH_MAX = 6;

const SECRET_FIELD =
  /(^|[_.-])(secret|password|passphrase|passwd|token|authorization|cookie|credential|private_?key|api_?key)s?$/i;
const TOKEN_IN_TEXT = /hr_[0-9a-f]{12}_[A-Za-z0-9_-]{8,}/g;
const BEARER_IN_TEXT = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi;
const PASSWORD_IN_URL = /([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi;

export interface Redactor {
  text(text: string): string;
  fields(fields: Readonly<Record<string, unknown>>): Record<string, unknown>;
}

/** True when a field's name says that its value is secret: `password`, `auth.token`, `s3_api_key`; not `token_count`. */
export function isSecretName(name: string): boolean {
  return SECRET_FIELD.test(name.replace(/([a-z0-9])([A-Z])/g, '$1_$2'));
}

/** Takes secrets out of what is written: by the field's name, by the form of a token, and by known values. */
export function createRedactor(secrets: readonly string[]): Redactor {
  const known = secrets.filter((secret) => secret.length >= SECRET_LENGTH_MIN).sort((a, b) => b.length - a.length);
  const text = (value: string): string => {
    let result = value;
    for (const secret of known) result = result.replaceAll(secret, REDACTED);
    return result
      .replace(TOKEN_IN_TEXT, REDACTED)
      .replace(BEARER_IN_TEXT, `$1 ${REDACTED}`)
      .replace(PASSWORD_IN_URL, `$1:${REDACTED}@`);
  };
  const plain = (value: unknown, depth: number): unknown => {
    if (typeof value === 'string') return text(value);
    if (typeof value === 'bigint') return value.toString();
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= DEPTH_MAX) return '[deep]';
    if (Array.isArray(value)) return value.map((element) => plain(element, depth + 1));
    return fields(value as Record<string, unknown>, depth + 1);
  };
  const fields = (record: Readonly<Record<string, unknown>>, depth: number): Record<string, unknown> => {
    const result: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(record)) {
      result[name] = isSecretName(name) ? REDACTED : plain(value, depth);
    }
    return result;
  };
  return { text, fields: (record) => fields(record, 0) };
}
