import type { DuckDBValue } from '@duckdb/node-api';
import type { DataType, Interval } from '../plan/data-type.ts';
import { Decimal } from '../plan/value/decimal.ts';
import { textToValue, valueToText } from '../plan/value/value-text.ts';
import { DECIMAL_DIGITS_MAX, type DuckdbModule, unsupported } from './duckdb-type.ts';

/** The value of a column (plan/data-type.ts) as DuckDB takes it. */
export function toDuckdbValue(duckdb: DuckdbModule, value: unknown, type: DataType, scale: number): DuckDBValue {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case 'numeric':
      return new duckdb.DuckDBDecimalValue(unscaledAt(value as Decimal, scale), DECIMAL_DIGITS_MAX, scale);
    case 'bytea':
      return new duckdb.DuckDBBlobValue(value as Uint8Array);
    case 'date':
      return new duckdb.DuckDBDateValue(value as number);
    case 'time':
      return new duckdb.DuckDBTimeValue(value as bigint);
    case 'timestamp':
    case 'timestamptz':
      return new duckdb.DuckDBTimestampValue(value as bigint);
    case 'interval': {
      const { months, days, micros } = value as Interval;
      return new duckdb.DuckDBIntervalValue(months, days, micros);
    }
    case 'jsonb':
      return JSON.stringify(value);
    case 'array':
      return valueToText(value, type);
    default:
      return value as DuckDBValue;
  }
}

/** The value of a result column, from what DuckDB gives. */
export function fromDuckdbValue(value: DuckDBValue, type: DataType): unknown {
  if (value === null) return null;
  const object = value as unknown as Readonly<Record<string, unknown>>;
  switch (type.kind) {
    case 'numeric':
      return typeof value === 'bigint'
        ? new Decimal(value, 0)
        : new Decimal(object.value as bigint, Number(object.scale));
    case 'int8':
      return BigInt(value as bigint);
    case 'bytea':
      return object.bytes;
    case 'date':
      return object.days;
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return object.micros;
    case 'interval':
      return { months: object.months, days: object.days, micros: object.micros };
    case 'jsonb':
      return JSON.parse(String(value));
    case 'array':
      return textToValue(String(value), type);
    default:
      return value;
  }
}

const UNSCALED_MAX = 10n ** BigInt(DECIMAL_DIGITS_MAX);

function unscaledAt(value: Decimal, scale: number): bigint {
  if (value.unscaled === undefined) throw unsupported(`the numeric ${String(value)}`);
  const at = value.scale <= scale ? value : value.round(scale);
  const unscaled = at.unscaled * 10n ** BigInt(scale - at.scale);
  if (unscaled >= UNSCALED_MAX || unscaled <= -UNSCALED_MAX) {
    throw unsupported(`the numeric ${String(value).slice(0, 60)}: it has more than ${DECIMAL_DIGITS_MAX} digits`);
  }
  return unscaled;
}
