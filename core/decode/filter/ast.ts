/** A filter as it was written; nothing is known yet of the record's fields. Columns are from 1. */
export type Ast = Junction | Negation | Flag | Comparison;

/** `a && b && c`, `a || b`. */
export interface Junction {
  readonly kind: 'and' | 'or';
  readonly terms: readonly Ast[];
}

export interface Negation {
  readonly kind: 'not';
  readonly term: Ast;
}

/** A boolean field that stands for itself. */
export interface Flag {
  readonly kind: 'flag';
  readonly field: FieldOperand;
}

export interface Comparison {
  readonly kind: 'compare';
  readonly operator: Operator;
  readonly column: number;
  readonly left: Operand;
  readonly right: Operand;
}

export const OPERATORS = ['==', '!=', '<=', '>=', '<', '>'] as const;
export const WORD_OPERATORS = ['startsWith', 'endsWith', 'contains', 'in'] as const;
export type Operator = (typeof OPERATORS)[number] | (typeof WORD_OPERATORS)[number];

export type Operand = FieldOperand | NumberOperand | StringOperand | BoolOperand;

export interface FieldOperand {
  readonly kind: 'field';
  readonly path: readonly string[];
  readonly column: number;
}

/** `numerator` / 10^`scale`, exactly as written; a duration in ns. */
export interface NumberOperand {
  readonly kind: 'number';
  readonly numerator: bigint;
  readonly scale: number;
  readonly isDuration: boolean;
  readonly text: string;
  readonly column: number;
}

export interface StringOperand {
  readonly kind: 'string';
  readonly value: string;
  readonly column: number;
}

export interface BoolOperand {
  readonly kind: 'bool';
  readonly value: boolean;
  readonly column: number;
}
