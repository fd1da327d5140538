import { buildSchema } from 'graphql';
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
