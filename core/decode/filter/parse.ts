import { DecodeError } from '../error.js';
import type { Ast, FieldOperand, Operand, Operator } from './ast.js';
import { OPERATORS, WORD_OPERATORS } from './ast.js';
import { type Token, tokens } from './lexer.js';

/** Characters of a filter, and how deep `!` and parentheses may nest. */
const MAX_LENGTH = 8192;
const MAX_DEPTH = 64;

/**
 * Parse a filter; what its fields are is not looked at ({@link checkFilter} does). Throws {@link DecodeError} with
 * the column.
 *
 *     either     = both { "||" both }
 *     both       = term { "&&" term }
 *     term       = "!" ( field | "!" … | "(" either ")" ) | "(" either ")" | comparison | field
 *     comparison = operand ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "startsWith" | "endsWith" | "contains" | "in" ) operand
 *     operand    = field | number [ "ns" | "us" | "ms" | "s" | "m" | "h" ] | string | "true" | "false"
 *     field      = name { "." name | "." digits | "[" digits "]" }
 *
 * @example parseFilter('ret < 0 && !(comm startsWith "systemd" || latency <= 1.5ms)')
 */
export function parseFilter(text: string): Ast {
  if (text.length > MAX_LENGTH) {
    throw new DecodeError('filter-syntax', `longer than ${MAX_LENGTH} characters`, MAX_LENGTH + 1);
  }
  return new Parser(tokens(text)).whole();
}

class Parser {
  private at = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  whole(): Ast {
    const ast = this.junction('or', 0);
    if (this.token.kind !== 'end') throw this.unexpected('&&, || or the end');
    return ast;
  }

  private junction(kind: 'or' | 'and', depth: number): Ast {
    const terms: Ast[] = [];
    do terms.push(kind === 'or' ? this.junction('and', depth) : this.term(depth));
    while (this.take(kind === 'or' ? '||' : '&&'));
    return terms.length === 1 ? terms[0]! : { kind, terms };
  }

  private term(depth: number): Ast {
    if (depth > MAX_DEPTH) {
      throw new DecodeError('filter-syntax', `nested more than ${MAX_DEPTH} deep`, this.token.column);
    }
    if (this.take('!')) {
      const term = this.term(depth + 1);
      if (term.kind === 'compare' && !this.isClosed()) {
        throw new DecodeError('filter-syntax', 'what ! negates needs parentheses here', term.left.column);
      }
      return { kind: 'not', term };
    }
    const open = this.token;
    if (this.take('(')) {
      const inner = this.junction('or', depth + 1);
      if (!this.take(')')) {
        throw this.unexpected(`a ) for the one opened in column ${open.column}`);
      }
      return inner;
    }
    return this.comparison();
  }

  /** Whether the term that just ended was in parentheses. */
  private isClosed(): boolean {
    const last = this.tokens[this.at - 1];
    return last?.kind === 'symbol' && last.text === ')';
  }

  private comparison(): Ast {
    const left = this.operand();
    const { column } = this.token;
    const operator = this.operator();
    if (operator !== undefined) return { kind: 'compare', operator, column, left, right: this.operand() };
    if (left.kind === 'field') return { kind: 'flag', field: left };
    throw this.unexpected('a comparison');
  }

  private operator(): Operator | undefined {
    const { token } = this;
    if (token.kind !== 'symbol' && token.kind !== 'name') return undefined;
    const list: readonly Operator[] = token.kind === 'symbol' ? OPERATORS : WORD_OPERATORS;
    const operator = list.find((candidate) => candidate === token.text);
    if (operator !== undefined) this.at++;
    else if (token.kind === 'name') throw this.unexpected('an operator');
    return operator;
  }

  private operand(): Operand {
    const { token } = this;
    if (token.kind === 'number' || token.kind === 'string') {
      this.at++;
      return token;
    }
    if (token.kind !== 'name') throw this.unexpected('a field or a value');
    if (token.text === 'true' || token.text === 'false') {
      this.at++;
      return { kind: 'bool', value: token.text === 'true', column: token.column };
    }
    return this.field();
  }

  private field(): FieldOperand {
    const { column } = this.token;
    const path = [this.name()];
    for (;;) {
      if (this.take('.')) path.push(this.step());
      else if (this.take('[')) {
        path.push(this.index());
        if (!this.take(']')) throw this.unexpected(']');
      } else return { kind: 'field', path, column };
    }
  }

  private name(): string {
    const { token } = this;
    if (token.kind !== 'name') throw this.unexpected('a name');
    this.at++;
    return token.text;
  }

  private step(): string {
    return this.token.kind === 'name' ? this.name() : this.index();
  }

  private index(): string {
    const { token } = this;
    if (token.kind !== 'number' || !/^\d+$/.test(token.text)) throw this.unexpected('an index');
    this.at++;
    return String(Number(token.text));
  }

  private take(symbol: string): boolean {
    const { token } = this;
    if (token.kind !== 'symbol' || token.text !== symbol) return false;
    this.at++;
    return true;
  }

  private get token(): Token {
    return this.tokens[this.at]!;
  }

  private unexpected(expected: string): DecodeError {
    const { token } = this;
    const found =
      token.kind === 'string' ? JSON.stringify(token.value) : token.kind === 'end' ? 'the end' : token.text;
    return new DecodeError('filter-syntax', `expected ${expected}, found ${found}`, token.column);
  }
}
