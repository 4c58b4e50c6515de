/** What PostgreSQL, or the way to it, said. */
export class PostgresFailure extends Error {
  /** Empty when it was not the server that spoke. */
  readonly sqlstate: string;

  constructor(message: string, sqlstate: string) {
    super(sqlstate === '' ? message : `${message} (SQLSTATE ${sqlstate})`);
    this.sqlstate = sqlstate;
  }
}

/**
 * Where the fault lies. `passing`: in the moment, so trying again may help. `row`: in a value, so the rows at fault are found and
 * become dead letters. `setup`: in what somebody has declared or granted; the sink fails until that is put right.
 */
export type PostgresFault = 'passing' | 'constraint' | 'row' | 'setup';

/** Integrity constraint violation: what a row refers to may come later. */
const CONSTRAINT = /^23/;
/**
 * Data exception, cardinality violation (two rows of a statement for one row of the table), WITH CHECK OPTION violation, an error that
 * a trigger raises, and a value that is too large for an index.
 */
const ROW = /^(22|21|44|P0|54000)/;
/** Syntax, names, types and rights; authentication; a database, schema or feature that is not there. */
const SETUP = /^(42|28|3D|3F|0A)/;

/** By SQLSTATE (PostgreSQL's manual, appendix A). All else, as connections, conflicts, resources and operators, may pass. */
export function faultOf(sqlstate: string): PostgresFault {
  if (CONSTRAINT.test(sqlstate)) return 'constraint';
  if (ROW.test(sqlstate)) return 'row';
  return SETUP.test(sqlstate) ? 'setup' : 'passing';
}
