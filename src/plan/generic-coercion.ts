import type { DataType } from './data-type.ts';
import type { Expression } from './expression.ts';
import { nullLiteral } from './expression-factory.ts';
import { type GenericFunction, placeAt, takesCount } from './function/generic.ts';
import { coerce, coercible, commonType, type Operand, settle } from './operand.ts';
import { arrayType, typesEqual } from './type-name.ts';

/** The arguments of the first of these functions that takes them, with the casts that it needs; undefined when none does. */
export function resolveGeneric(
  entries: readonly GenericFunction[],
  operands: readonly Operand[],
): readonly Expression[] | undefined {
  for (const entry of entries) {
    const types = takesCount(entry, operands.length) ? wantedTypes(entry, operands) : undefined;
    if (types === undefined) continue;
    return operands.map((operand, index) => {
      const type = types[index];
      return type === undefined ? settle(operand) : coerce(operand, type);
    });
  }
  return undefined;
}

/** The type that each operand must have, undefined where any will do; or undefined when the function does not take them. */
function wantedTypes(
  entry: GenericFunction,
  operands: readonly Operand[],
): readonly (DataType | undefined)[] | undefined {
  const element = elementType(entry, operands);
  if (element === undefined) return undefined;
  const array = arrayType(element);
  const wanted = operands.map((_, index) => {
    const place = placeAt(entry, index);
    if (place === 'any') return undefined;
    if (place === 'element') return element;
    return place === 'array' ? array : place;
  });
  const fits = operands.every((operand, index) => {
    const type = wanted[index];
    return (
      operand.kind === 'unknown' ||
      type === undefined ||
      typesEqual(operand.type, type) ||
      coercible(operand.type, type)
    );
  });
  return fits ? wanted : undefined;
}

/** The one type that all elements, of arrays and alone, can be; undefined when there is none. */
function elementType(entry: GenericFunction, operands: readonly Operand[]): DataType | undefined {
  const elements: Operand[] = [];
  for (const [index, operand] of operands.entries()) {
    const place = placeAt(entry, index);
    if (place === 'element') elements.push(operand);
    if (place !== 'array' || operand.kind === 'unknown') continue;
    if (operand.type.kind !== 'array') return undefined;
    elements.push(nullLiteral(operand.type.element));
  }
  try {
    return commonType(elements, entry.name);
  } catch {
    return undefined;
  }
}
