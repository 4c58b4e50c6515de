import { nearestName } from '../base/nearest-name.ts';
import type { CallOptions } from '../plan/call-options.ts';
import type { Column, DataType } from '../plan/data-type.ts';
import type { ColumnExpression } from '../plan/expression.ts';
import { outerReference } from '../plan/optimizer/outer-reference.ts';
import type { Attachments } from './text/attachment.ts';
import type { SourceText } from './text/source-text.ts';

/** A user function: of expressions, or of FROM when it gives a table. */
export interface DeclaredFunction {
  readonly name: string;
  readonly args: readonly DataType[];
  /** Of a function in expressions; undefined for one that gives a table. */
  readonly returns: DataType | undefined;
  /** The columns of a function that gives a table. */
  readonly table?: readonly Column[];
  /** It is an aggregate, of this type. */
  readonly aggregate?: { readonly returns: DataType };
  readonly module: string;
  readonly exportName: string;
  readonly options?: CallOptions | undefined;
}

/** One relation of a FROM clause: its columns begin at `offset` of the joined row. */
export interface ScopeRelation {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly offset: number;
  /** Where each column is, for a relation whose columns do not lie side by side: those that USING merges. */
  readonly positions?: readonly number[];
  /** Columns that a USING join has merged away from the unqualified names. */
  readonly hidden?: ReadonlySet<string>;
  /** The name of the relation alone means its first column: of a set-returning function that gives one value. */
  readonly scalar?: boolean;
}

export interface ScopeOptions {
  /** The names of the query around this one. */
  readonly outer?: Scope | undefined;
  /** Takes what stands in an expression and is computed below it; undefined where that is not allowed. */
  readonly attachments?: Attachments | undefined;
}

/** The names that an expression can see. */
export class Scope {
  readonly relations: readonly ScopeRelation[];
  readonly outer: Scope | undefined;
  readonly attachments: Attachments | undefined;
  /** How many queries are around this one. */
  readonly level: number;

  constructor(relations: readonly ScopeRelation[], options: ScopeOptions = {}) {
    this.relations = relations;
    this.outer = options.outer;
    this.attachments = options.attachments;
    this.level = options.outer === undefined ? 0 : options.outer.level + 1;
  }

  static of(name: string, columns: readonly Column[], options: ScopeOptions = {}): Scope {
    return new Scope([{ name, columns, offset: 0 }], options);
  }

  with(attachments: Attachments): Scope {
    return new Scope(this.relations, { outer: this.outer, attachments });
  }

  /** The columns that `*` or `relation.*` stands for. */
  star(source: SourceText, at: number, relation?: string): readonly ColumnExpression[] {
    const chosen = this.relations.filter((candidate) =>
      relation === undefined ? true : candidate.name === relation && candidate.positions === undefined,
    );
    if (chosen.length === 0) throw this.#unknownRelation(source, at, relation ?? '*');
    return chosen.flatMap((candidate) =>
      candidate.columns.flatMap((column, index) =>
        relation === undefined && candidate.hidden?.has(column.name) ? [] : [reference(candidate, column, index)],
      ),
    );
  }

  /** Undefined when no relation has it. @throws HeadraceError `SQL_AMBIGUOUS_COLUMN` */
  find(source: SourceText, at: number, name: string, relation?: string): ColumnExpression | undefined {
    const found: ColumnExpression[] = [];
    for (const candidate of this.relations) {
      if (relation !== undefined ? candidate.name !== relation : candidate.hidden?.has(name)) continue;
      candidate.columns.forEach((column, index) => {
        if (column.name === name) found.push(reference(candidate, column, index));
      });
    }
    if (found.length === 0 && relation === undefined) {
      const whole = this.relations.find((candidate) => candidate.scalar === true && candidate.name === name);
      if (whole !== undefined) return reference(whole, whole.columns[0]!, 0);
    }
    if (found.length > 1) {
      throw source.error(at, `column reference "${name}" is ambiguous`, {
        code: 'SQL_AMBIGUOUS_COLUMN',
        next: 'put the name of the relation before it',
      });
    }
    return found[0];
  }

  /** @throws HeadraceError `SQL_UNKNOWN_COLUMN`, naming the nearest one */
  resolve(source: SourceText, at: number, name: string, relation?: string): ColumnExpression {
    const found = this.find(source, at, name, relation) ?? this.#findOutside(source, at, name, relation);
    if (found !== undefined) return found;
    const around = relation === undefined ? this : this.#holderOf(relation);
    if (around === undefined) throw this.#unknownRelation(source, at, relation ?? '');
    const names = around.relations
      .filter((candidate) => relation === undefined || candidate.name === relation)
      .flatMap((candidate) => candidate.columns.map((column) => column.name));
    const near = names.find((other) => other.toLowerCase() === name.toLowerCase()) ?? nearestName(name, names);
    const quoted = near !== undefined && near !== near.toLowerCase() ? ' (in double quotes: it has capitals)' : '';
    throw source.error(at, `column "${name}" does not exist`, {
      code: 'SQL_UNKNOWN_COLUMN',
      next: near === undefined ? `there is ${names.join(', ') || 'none'}` : `did you mean "${near}"${quoted}?`,
    });
  }

  /** The nearest scope, from this one outwards, that has the relation. */
  #holderOf(relation: string): Scope | undefined {
    const isHere = this.relations.some((candidate) => candidate.name === relation);
    if (isHere || this.outer === undefined) return isHere ? this : undefined;
    return this.outer.#holderOf(relation);
  }

  /** A column of a query around this one; the nearest that knows the relation, or else the column. */
  #findOutside(source: SourceText, at: number, name: string, relation?: string): ColumnExpression | undefined {
    for (let scope: Scope = this; scope.outer !== undefined; scope = scope.outer) {
      if (relation !== undefined && scope.relations.some((candidate) => candidate.name === relation)) return undefined;
      const { outer } = scope;
      const found = outer.find(source, at, name, relation);
      if (found !== undefined) return outerReference(outer.level, found.index, found.type, found.name);
    }
    return undefined;
  }

  #unknownRelation(source: SourceText, at: number, name: string): Error {
    const near = nearestName(
      name,
      this.relations.flatMap((relation) => (relation.name === '' ? [] : [relation.name])),
    );
    return source.error(at, `relation "${name}" is not in the FROM clause`, {
      code: 'SQL_UNKNOWN_RELATION',
      ...(near === undefined ? {} : { next: `did you mean "${near}"?` }),
    });
  }
}

function reference(relation: ScopeRelation, column: Column, index: number): ColumnExpression {
  const position = relation.positions?.[index] ?? relation.offset + index;
  return Object.freeze({ kind: 'column', type: column.type, index: position, name: column.name });
}
