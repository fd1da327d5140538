import { GraphQLError, Kind, type ValueNode, valueFromASTUntyped } from 'graphql';
import type { JsonValue } from '../contracts/json.ts';
import { builder } from './builder.ts';
import { formatDecimal, parseDecimal } from './money.ts';

builder.scalarType('DateTime', {
  description:
    'A moment as an ISO 8601 string with its offset, such as `2026-01-31T12:00:00.000Z`; answers are in UTC.',
  serialize: (moment) => moment.toISOString(),
  parseValue: (value) => parseDateTime(value),
});

builder.scalarType('BigInt', {
  description: 'A whole number of any size, as a string of digits. Inputs may also be JSON numbers up to 2⁵³ − 1.',
  serialize: (number) => number.toString() as never,
  parseValue: (value) => parseBigInt(value),
  parseLiteral: (node) => parseBigInt(textOf(node)),
});

builder.scalarType('Decimal', {
  description: 'An exact decimal number with at most nine decimals, as a string such as `"12.5"`.',
  serialize: (nanos) => formatDecimal(nanos) as never,
  parseValue: (value) => parseDecimalInput(value),
  parseLiteral: (node) => parseDecimalInput(textOf(node)),
});

builder.scalarType('JSON', {
  description: 'Any JSON value of at most 100 levels, as it is.',
  serialize: (value) => value,
  parseValue: (value) => parseJson(value),
  parseLiteral: (node, variables) => parseJson(valueFromASTUntyped(node, variables)),
});

builder.scalarType('UInt32', {
  description: 'A whole number from 0 to 4294967295 (2³² − 1), as a JSON number.',
  serialize: (number) => number,
  parseValue: (value) => {
    if (typeof value === 'number') return value;
    throw new GraphQLError('UInt32 takes a whole number from 0 to 4294967295.');
  },
});

const deepestJson = 100;

/** What reads such values goes as deep as they do, and the stack does not go as deep as a request can. */
function parseJson(value: unknown): JsonValue {
  let level = [value].filter(isNesting);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > deepestJson) throw new GraphQLError(`JSON takes values of at most ${deepestJson} levels.`);
    level = level.flatMap(Object.values).filter(isNesting);
  }
  return value as JsonValue;
}

function isNesting(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

const isoDateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/iu;

function parseDateTime(value: unknown): Date {
  const moment = typeof value === 'string' && isoDateTime.test(value) ? new Date(value) : undefined;
  if (moment && !Number.isNaN(moment.getTime())) return moment;
  throw new GraphQLError('DateTime takes an ISO 8601 string with an offset, such as "2026-01-31T12:00:00Z".');
}

function parseBigInt(value: unknown): bigint {
  if (typeof value === 'string' && /^-?\d{1,30}$/u.test(value)) return BigInt(value);
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  throw new GraphQLError('BigInt takes a whole number, as a string of digits.');
}

function parseDecimalInput(value: unknown): bigint {
  const nanos = typeof value === 'string' || typeof value === 'number' ? parseDecimal(String(value)) : undefined;
  if (nanos !== undefined) return nanos;
  throw new GraphQLError('Decimal takes a number with at most nine decimals, as a string such as "12.5".');
}

function textOf(node: ValueNode): string | undefined {
  return node.kind === Kind.STRING || node.kind === Kind.INT || node.kind === Kind.FLOAT ? node.value : undefined;
}
