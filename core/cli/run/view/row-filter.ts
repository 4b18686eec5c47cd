import { DecodeError, type Filter, parseFilter, suggest } from '../../../decode/index.js';
import type { Field, Value } from './field.js';

/** Whether a row, by its values in the order of the fields, is shown. */
export type RowTest = (values: readonly Value[]) => boolean;

type Comparison = Extract<Filter, { kind: 'compare' }>;

/** A filter that cannot be. The message is one line. */
export class RowFilterError extends Error {}

const LOOKS_LIKE_EXPRESSION = /[=<>]|&&|\|\||\b(?:startsWith|endsWith|contains)\b/;

/**
 * What was typed after `/`: an expression as in probes.yaml (`ret < 0 && comm != "sh"`) where it names a field and
 * compares it, else text that some cell contains, in whatever case. Throws {@link RowFilterError}.
 */
export function rowFilter(text: string, fields: readonly Field[]): RowTest {
  const expression = expressionOf(text, fields);
  if (expression) return (values) => matches(expression, fields, values);
  const wanted = text.toLowerCase();
  return (values) =>
    values.some((value, i) => {
      const shown = fields[i]?.text(value) ?? '';
      return shown.toLowerCase().includes(wanted);
    });
}

/** Undefined where plain text is meant. */
function expressionOf(text: string, fields: readonly Field[]): Filter | undefined {
  try {
    const filter = parseFilter(text);
    if (!LOOKS_LIKE_EXPRESSION.test(text) && !namesOf(filter).every((name) => indexOf(fields, name) >= 0))
      return undefined;
    check(filter, fields);
    return filter;
  } catch (error) {
    if (error instanceof RowFilterError) throw error;
    const [first = ''] = /^[\s!(]*([\w.]+)/.exec(text)?.slice(1) ?? [];
    const isMeant = LOOKS_LIKE_EXPRESSION.test(text) && indexOf(fields, first) >= 0;
    if (error instanceof DecodeError && isMeant) throw new RowFilterError(error.message, { cause: error });
    return undefined;
  }
}

function namesOf(filter: Filter): string[] {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return [...namesOf(filter.left), ...namesOf(filter.right)];
    case 'not':
      return namesOf(filter.operand);
    default:
      return [filter.field.name];
  }
}

/** A map's key and value may be left out, as in probes.yaml. */
function indexOf(fields: readonly Field[], name: string): number {
  const exact = fields.findIndex((field) => field.name === name);
  return exact >= 0
    ? exact
    : fields.findIndex((field) => field.name === `key.${name}` || field.name === `value.${name}`);
}

function check(filter: Filter, fields: readonly Field[]): void {
  switch (filter.kind) {
    case 'and':
    case 'or':
      check(filter.left, fields);
      check(filter.right, fields);
      return;
    case 'not':
      check(filter.operand, fields);
      return;
    case 'test': {
      const { name } = filter.field;
      if (fieldOf(name, fields).kind !== 'bool')
        throw new RowFilterError(`"${name}" is no bool: compare it with something, as in ${name} != 0`);
      return;
    }
    case 'compare': {
      const { name } = filter.field;
      const { kind } = fieldOf(name, fields);
      const isText = typeof filter.literal.value === 'string';
      if (kind === 'number' && isText) throw new RowFilterError(`"${name}" is compared with a number`);
      if ((kind === 'text' || kind === 'list') && !isText)
        throw new RowFilterError(`"${name}" is compared with "text"`);
    }
  }
}

function fieldOf(name: string, fields: readonly Field[]): Field {
  const field = fields[indexOf(fields, name)];
  if (field) return field;
  const names = fields.map((known) => known.name);
  throw new RowFilterError(
    `there is no field "${name}".${suggest(name, names)} There is: ${names.join(', ')}`,
  );
}

function matches(filter: Filter, fields: readonly Field[], values: readonly Value[]): boolean {
  switch (filter.kind) {
    case 'and':
      return matches(filter.left, fields, values) && matches(filter.right, fields, values);
    case 'or':
      return matches(filter.left, fields, values) || matches(filter.right, fields, values);
    case 'not':
      return !matches(filter.operand, fields, values);
    case 'test':
      return values[indexOf(fields, filter.field.name)] === true;
    case 'compare':
      return compares(filter, values[indexOf(fields, filter.field.name)]);
  }
}

function compares({ operator, literal }: Comparison, value: Value | undefined): boolean {
  const wanted = literal.value;
  if (value === undefined) return false;
  if (typeof wanted === 'string') {
    const text = String(value);
    if (operator === 'contains') return text.includes(wanted);
    if (operator === 'startsWith') return text.startsWith(wanted);
    if (operator === 'endsWith') return text.endsWith(wanted);
    return ordered(operator, text < wanted, text > wanted);
  }
  if (typeof value === 'string' || Number.isNaN(value)) return operator === '!=';
  // Of bigint and number JavaScript compares the exact values.
  return ordered(operator, value < wanted, value > wanted);
}

function ordered(operator: Comparison['operator'], isLess: boolean, isMore: boolean): boolean {
  switch (operator) {
    case '==':
      return !isLess && !isMore;
    case '!=':
      return isLess || isMore;
    case '<':
      return isLess;
    case '<=':
      return !isMore;
    case '>':
      return isMore;
    case '>=':
      return !isLess;
    default:
      return false;
  }
}
