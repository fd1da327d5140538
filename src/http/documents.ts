import { type DocumentNode, GraphQLError, type GraphQLSchema, parse, specifiedRules, validate } from 'graphql';
import { LRUCache } from 'lru-cache';
import { requireModestDocument } from './document-limits.ts';
import { FewIntrospectionFieldsRule } from './introspection-limit.ts';

/** GraphQL documents by their text. Clients send the same few over and over: those that were valid are neither parsed nor validated again. */
export interface Documents {
  read(text: string): ReadDocument;
}

export interface ReadDocument {
  /** Absent where the text is none, or is over the limits of one. */
  readonly document?: DocumentNode;
  /** Empty where it is valid. A syntax error, or a limit, is the only one; of what the schema refuses, there may be many. */
  readonly errors: readonly GraphQLError[];
}

/** Of all texts together; what is kept of them takes some twenty times as much memory. */
const keptCharacters = 1_000_000;
/** A longer text is read anew each time. */
const longestKeptCharacters = 20_000;
const rules = [...specifiedRules, FewIntrospectionFieldsRule];

export function createDocuments(schema: GraphQLSchema): Documents {
  const valid = new LRUCache<string, DocumentNode>({
    maxSize: keptCharacters,
    maxEntrySize: longestKeptCharacters,
    sizeCalculation: (_, text) => text.length || 1,
  });

  function readAnew(text: string): ReadDocument {
    try {
      requireModestDocument(text);
      const document = parse(text);
      const errors = validate(schema, document, rules);
      if (errors.length === 0) valid.set(text, document);
      return { document, errors };
    } catch (error) {
      if (error instanceof GraphQLError) return { errors: [error] };
      throw error;
    }
  }

  return {
    read(text) {
      const document = valid.get(text);
      return document ? { document, errors: [] } : readAnew(text);
    },
  };
}
