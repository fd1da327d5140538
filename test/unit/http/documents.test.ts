import { buildSchema, getIntrospectionQuery } from 'graphql';
import { expect, test } from 'vitest';
import { createDocuments } from '../../../src/http/documents.ts';

const schema = buildSchema('type Query { models: [String!]! }');

test('a valid document is read once, however often it comes', () => {
  const documents = createDocuments(schema);
  const { document, errors } = documents.read('{ models }');
  expect(document).toBeDefined();
  expect(errors).toEqual([]);
  expect(documents.read('{ models }').document).toBe(document);
});

test.each([
  ['is none', ['{ models', ''], false],
  ['the schema does not know', ['{ secrets }'], true],
])('a document that %s is refused each time', (_, texts, isRead) => {
  const documents = createDocuments(schema);
  for (const text of [...texts, ...texts]) {
    const { document, errors } = documents.read(text);
    expect(document !== undefined, text).toBe(isRead);
    expect(errors.length, text).toBe(1);
  }
});

test('what is kept is bounded, in all and each', () => {
  const documents = createDocuments(schema);
  const first = documents.read('{ models }').document;
  const long = `# ${'long'.repeat(10_000)}\n{ models }`;
  expect(documents.read(long).document).not.toBe(documents.read(long).document);
  expect(documents.read('{ models }').document).toBe(first);
  for (let i = 0; i < 60; i++) documents.read(`# ${i} ${'x'.repeat(19_000)}\n{ models }`);
  expect(documents.read('{ models }').document).not.toBe(first);
});

test('the introspection of every tool is read', () => {
  const query = getIntrospectionQuery({
    descriptions: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  });
  expect(createDocuments(schema).read(query).errors).toEqual([]);
});

const many = Array.from({ length: 100 }, (_, index) => index);
test.each([
  [
    'aliases of it',
    `{ ${many.map((i) => `a${i}: __schema { types { name fields { name type { name } } } }`).join(' ')} }`,
  ],
  [
    'aliases within it',
    `{ __schema { ${many.map((i) => `a${i}: types { name fields { name type { name } } }`).join(' ')} } }`,
  ],
  [
    'fragments',
    `{ __schema { ${many.map((i) => `a${i}: types { ...T }`).join(' ')} } }
     fragment T on __Type { name fields { ...F } } fragment F on __Field { name type { name } }`,
  ],
])('introspection that asks for the same over and over, by %s, is refused', (_, text) => {
  const { errors } = createDocuments(schema).read(text);
  expect(errors.map(({ message }) => message)).toEqual([
    'The document selects over 500 fields of introspection: split it into several operations.',
  ]);
});

test('a fragment within itself is refused', () => {
  const text = '{ __schema { ...S } } fragment S on __Schema { types { name } ...S }';
  expect(createDocuments(schema).read(text).errors).toMatchObject([
    { message: 'Cannot spread fragment "S" within itself.' },
  ]);
});
