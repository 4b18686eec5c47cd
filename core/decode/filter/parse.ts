import { DecodeError } from '../error.js';
import { type Literal, numberLiteral, textLiteral } from './literal.js';
import { type Token, tokenize } from './tokens.js';

/** `comm == "sh" && (ret < 0 || !ok)`: comparisons of a field with a literal, and logic. */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly left: Filter; readonly right: Filter }
  | { readonly kind: 'not'; readonly operand: Filter }
  | { readonly kind: 'test'; readonly field: FieldName }
  | {
      readonly kind: 'compare';
      readonly field: FieldName;
      readonly operator: Operator;
      readonly literal: Literal;
    };

export interface FieldName {
  readonly name: string;
  /** From 1. */
  readonly column: number;
}

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'startsWith' | 'endsWith' | 'contains';

const MAX_LENGTH = 4096;
const MAX_DEPTH = 64;
const WORDS = new Set(['startsWith', 'endsWith', 'contains']);
const COMPARISONS = new Set(['==', '!=', '<', '<=', '>', '>=', ...WORDS]);

/** Throws {@link DecodeError} `FILTER_SYNTAX` with a column. Fields are not looked up here. */
export function parseFilter(text: string): Filter {
  if (text.length > MAX_LENGTH)
    throw new DecodeError('FILTER_SYNTAX', `the filter is longer than ${MAX_LENGTH} characters`, MAX_LENGTH);
  const tokens = tokenize(text);
  let next = 0;
  let depth = 0;
  const peek = (): Token => tokens[next]!;
  const take = (): Token => tokens[next++]!;
  const unexpected = (wanted: string): never => {
    const token = peek();
    throw new DecodeError(
      'FILTER_SYNTAX',
      `expected ${wanted}, found ${token.kind === 'end' ? 'the end of the filter' : JSON.stringify(token.text)}`,
      token.column,
    );
  };

  const or = (): Filter => {
    let left = and();
    while (peek().text === '||' && peek().kind === 'symbol') {
      take();
      left = { kind: 'or', left, right: and() };
    }
    return left;
  };
  const and = (): Filter => {
    let left = unary();
    while (peek().text === '&&' && peek().kind === 'symbol') {
      take();
      left = { kind: 'and', left, right: unary() };
    }
    return left;
  };
  const unary = (): Filter => {
    if (++depth > MAX_DEPTH)
      throw new DecodeError('FILTER_SYNTAX', `the filter is nested deeper than ${MAX_DEPTH}`, peek().column);
    try {
      const token = peek();
      if (token.kind === 'symbol' && token.text === '!') {
        take();
        return { kind: 'not', operand: unary() };
      }
      if (token.kind === 'symbol' && token.text === '(') {
        take();
        const inner = or();
        if (peek().text !== ')' || peek().kind !== 'symbol') unexpected('")"');
        take();
        return inner;
      }
      return comparison();
    } finally {
      depth--;
    }
  };
  const comparison = (): Filter => {
    if (peek().kind !== 'name' || WORDS.has(peek().text)) unexpected('a field');
    const name = take();
    const field = { name: name.text, column: name.column };
    const operator = peek();
    if (!COMPARISONS.has(operator.text) || operator.kind === 'string') return { kind: 'test', field };
    take();
    return { kind: 'compare', field, operator: operator.text as Operator, literal: literal() };
  };
  const literal = (): Literal => {
    const token = peek();
    if (token.kind === 'string') return textLiteral(take());
    if (token.kind === 'number') return numberLiteral(take());
    if (token.kind === 'name' && (token.text === 'true' || token.text === 'false')) {
      take();
      return { value: token.text === 'true', text: token.text, column: token.column };
    }
    if (token.kind === 'name') {
      throw new DecodeError(
        'FILTER_SYNTAX',
        `expected a number, "text", true or false, found ${token.text}: text needs quotes`,
        token.column,
      );
    }
    return unexpected('a number, "text", true or false');
  };

  const filter = or();
  if (peek().kind !== 'end') unexpected('"&&", "||" or the end');
  return filter;
}
