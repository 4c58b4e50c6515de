import { mayThrow } from '../optimizer/may-throw.ts';
import { conjunctsOf, filtered } from '../optimizer/rewrite.ts';
import type { Rule } from './rule.ts';

/** `filter b (filter a)` is `filter a and b`, unless b may fail: AND evaluates it also where a is null. */
export const mergeFilters: Rule = (node, { isShared }) => {
  if (node.kind !== 'filter' || node.input.kind !== 'filter' || isShared(node.input)) return undefined;
  const { input, predicate } = node.input;
  if (mayThrow(node.predicate)) return undefined;
  return filtered(input, [...conjunctsOf(predicate), ...conjunctsOf(node.predicate)]);
};
