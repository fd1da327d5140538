import { expect, test } from 'vitest';
import { requireModestDocument } from '../../../src/http/document-limits.ts';

test.each([
  ['tokens', `{ ${'a '.repeat(10_000)} }`, /over 10000 tokens and comments: send values as variables/u],
  ['comments', `{ a }\n${'#\n'.repeat(10_000)}`, /over 10000 tokens and comments/u],
  ['selections within each other', `${'{ a '.repeat(5_000)}${'}'.repeat(5_000)}`, /over 100 levels deep/u],
  ['lists within each other', `{ a(b: ${'['.repeat(2_000)}${']'.repeat(2_000)}) }`, /over 100 levels deep/u],
  ['a name', `{ ${'a'.repeat(256)} }`, /name of over 255 characters/u],
])('a document with too much of %s is refused, with what to do', (_case, text, message) => {
  expect(() => requireModestDocument(text)).toThrow(message);
});

test('a document may hold a long prompt', () => {
  const prompt = 'a long, { long ( story [\\n'.repeat(100_000);
  expect(() => requireModestDocument(`{ a(prompt: "${prompt}", other: """${prompt}""") }`)).not.toThrow();
});

test('what is beside another does not count as within it', () => {
  expect(() => requireModestDocument(`{ ${'a { b(c: [1]) } '.repeat(900)} }`)).not.toThrow();
});
