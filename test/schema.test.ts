import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import {
  buildSchema,
  findBreakingChanges,
  type GraphQLInterfaceType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { createSchema } from '../src/graphql/schema.ts';

const schema = createSchema();
const printed = `${printSchema(lexicographicSortSchema(schema))}\n`;
const promised = readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8');

describe('schema.graphql', () => {
  it('does not break clients of what it promised', () => {
    for (const earlier of [promised, committed() ?? promised]) {
      expect(findBreakingChanges(buildSchema(earlier), buildSchema(printed))).toEqual([]);
    }
  });

  it('is what the code prints (else: npm run schema)', () => {
    expect(promised).toBe(printed);
  });

  it('describes every type, field, argument, enum value and input field', () => {
    expect(undescribed(schema)).toEqual([]);
  });

  it('gives fields of one name one type over all errors, so that one operation can ask for all of them', () => {
    const errors = schema.getPossibleTypes(schema.getType('UserError') as GraphQLInterfaceType);
    const types = new Map<string, Set<string>>();
    for (const field of errors.flatMap((error) => Object.values(error.getFields()))) {
      types.set(field.name, (types.get(field.name) ?? new Set()).add(String(field.type)));
    }
    expect([...types].filter(([, { size }]) => size > 1)).toEqual([]);
  });

  it('answers every mutation with a union of its payload and typed errors, for one input', () => {
    for (const [name, field] of Object.entries(schema.getMutationType()!.getFields())) {
      const Name = `${name[0]!.toUpperCase()}${name.slice(1)}`;
      expect(`${name}(${field.args.map((arg) => `${arg.name}: ${arg.type}`)}): ${field.type}`).toBe(
        `${name}(input: ${Name}Input!): ${Name}Result!`,
      );
    }
  });
});

/** As of the last commit, where this runs in a checkout that has one: a hand-edited file cannot hide a break. */
function committed(): string | undefined {
  try {
    return execFileSync('git', ['show', 'HEAD:./schema.graphql'], {
      cwd: new URL('..', import.meta.url),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return undefined;
  }
}

function undescribed(of: GraphQLSchema): string[] {
  const found: string[] = [];
  const note = (name: string, description: string | null | undefined) => {
    if (!description?.trim()) found.push(name);
  };
  for (const type of Object.values(of.getTypeMap())) {
    if (isIntrospectionType(type) || isSpecifiedScalarType(type)) continue;
    note(type.name, type.description);
    if (isEnumType(type)) for (const value of type.getValues()) note(`${type.name}.${value.name}`, value.description);
    if (isInputObjectType(type)) {
      for (const field of Object.values(type.getFields())) note(`${type.name}.${field.name}`, field.description);
    }
    if (isObjectType(type) || isInterfaceType(type)) {
      for (const field of Object.values(type.getFields())) {
        note(`${type.name}.${field.name}`, field.description);
        for (const arg of field.args) note(`${type.name}.${field.name}(${arg.name})`, arg.description);
      }
    }
  }
  return found;
}
