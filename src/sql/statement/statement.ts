import type { DataType } from '../../plan/data-type.ts';
import type { EmitPolicy } from '../../plan/node.ts';
import type { CreateLookup } from './lookup-statement.ts';

/** A range of the source text that PostgreSQL's parser is to read. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/** A name with its place. */
export interface NameAt {
  readonly name: string;
  readonly at: number;
}

export interface TextAt {
  readonly value: string;
  readonly at: number;
}

/** The value of an option; `at` is its place, `nameAt` that of the option. */
export interface OptionAt extends TextAt {
  readonly nameAt: number;
}

export type Options = ReadonlyMap<string, OptionAt>;

export interface ColumnDefinition {
  readonly name: string;
  readonly at: number;
  readonly type: DataType;
  readonly nullable: boolean;
  readonly path: readonly string[];
}

export interface WatermarkDefinition {
  readonly column: NameAt;
  readonly delayUs: bigint;
  readonly at: number;
}

export interface CreateSource {
  readonly kind: 'create-source';
  readonly name: NameAt;
  readonly columns: readonly ColumnDefinition[];
  readonly watermark: WatermarkDefinition | undefined;
  /** Of a table, which its topic keeps; undefined for a source of rows that are only added. */
  readonly primaryKey: readonly NameAt[] | undefined;
  readonly options: Options;
}

export interface CreateView {
  readonly kind: 'create-view';
  readonly name: NameAt;
  readonly options: Options;
  readonly query: TextRange;
}

export interface CreateMaterializedView {
  readonly kind: 'create-materialized-view';
  readonly name: NameAt;
  readonly options: Options;
  readonly query: TextRange;
  /** Undefined when it does not say. */
  readonly emit: EmitPolicy | undefined;
}

export interface CreateSink {
  readonly kind: 'create-sink';
  readonly name: NameAt;
  readonly from: NameAt;
  readonly options: Options;
}

export interface CreateFunction {
  readonly kind: 'create-function';
  readonly name: NameAt;
  readonly args: readonly { readonly name: string; readonly type: DataType }[];
  /** One value, or the columns of `RETURNS TABLE`. */
  readonly returns: DataType | readonly { readonly name: string; readonly type: DataType; readonly at: number }[];
  readonly isAggregate?: true;
  readonly file: string;
  readonly exportName: string;
  readonly options: Options;
  readonly at: number;
}

export interface CreateAlert {
  readonly kind: 'create-alert';
  readonly name: NameAt;
  readonly view: NameAt;
  readonly condition: TextRange;
  readonly forMs: number;
  readonly keys: readonly NameAt[] | undefined;
  readonly options: Options;
}

/** A statement of a pipeline file. */
export type Statement =
  | CreateLookup
  | CreateSource
  | CreateView
  | CreateMaterializedView
  | CreateSink
  | CreateFunction
  | CreateAlert;
