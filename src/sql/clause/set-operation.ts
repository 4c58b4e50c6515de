import type { SelectStmt } from 'libpg-query';
import { coerce, commonType, type Operand, unknownLiteral } from '../../plan/coercion.ts';
import type { DataType } from '../../plan/data-type.ts';
import type { Expression } from '../../plan/expression.ts';
import { castTo, columnReference } from '../../plan/expression-factory.ts';
import { projectNode, setOperationNode } from '../../plan/factory.ts';
import type { PlanNode, SetOperationNode } from '../../plan/node.ts';
import type { BindContext } from '../expression-binder.ts';
import { nodeLocation } from '../text/syntax-tree.ts';
import { openConstant } from './target-list.ts';

const OPERATIONS = { SETOP_UNION: 'union', SETOP_EXCEPT: 'except', SETOP_INTERSECT: 'intersect' } as const;

/** UNION, EXCEPT and INTERSECT of two queries, whose columns take their common types (PostgreSQL manual, section 10.5). */
export function setOperation(context: BindContext, select: SelectStmt, left: PlanNode, right: PlanNode): PlanNode {
  const operation = OPERATIONS[select.op as keyof typeof OPERATIONS];
  const name = operation.toUpperCase();
  const first = select.rarg?.targetList?.[0] ?? select.rarg?.valuesLists?.[0];
  const at = context.place(first === undefined ? undefined : nodeLocation(first));
  if (left.columns.length !== right.columns.length) {
    throw context.source.error(at, `each ${name} query must have the same number of columns`, {
      next: `the first has ${left.columns.length}, this one ${right.columns.length}`,
    });
  }
  const types = left.columns.map((column, index) =>
    context.source.locate(at, () =>
      commonType([columnOperand(left, index), columnOperand(right, index)], `${name} column "${column.name}"`),
    ),
  );
  const inputs = [left, right].map((side) => context.source.locate(at, () => typed(side, types)));
  const all = select.all ?? false;
  return setOperationNode(operation, all, flattened(inputs, operation, all));
}

/** A constant of a select list has no type yet. */
function columnOperand(node: PlanNode, index: number): Operand {
  const constant = node.kind === 'project' ? openConstant(node.expressions[index]!) : undefined;
  return constant === undefined ? columnReference(node.columns, index) : unknownLiteral(constant);
}

function typed(side: PlanNode, types: readonly DataType[]): PlanNode {
  const hasConstants = side.kind === 'project' && side.expressions.some((item) => openConstant(item) !== undefined);
  const input = hasConstants ? side.input : side;
  const expressionAt = (index: number): Expression => {
    const type = types[index]!;
    if (!hasConstants) return castTo(columnReference(side.columns, index), type);
    const operand = columnOperand(side, index);
    return operand.kind === 'unknown' ? coerce(operand, type) : castTo(side.expressions[index]!, type);
  };
  return projectNode(
    input,
    side.columns.map((column, index) => ({ name: column.name, expression: expressionAt(index) })),
  );
}

/** `a UNION b UNION c` is one node with three inputs. */
function flattened(
  inputs: readonly PlanNode[],
  operation: SetOperationNode['operation'],
  all: boolean,
): readonly PlanNode[] {
  if (operation !== 'union') return inputs;
  return inputs.flatMap((input) => {
    const isSame = input.kind === 'set-operation' && input.operation === 'union' && input.all === all;
    return isSame ? input.inputs : [input];
  });
}
