import type { DocumentNode, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Documents } from './documents.ts';

/** Has Yoga read documents as the other transports do, in place of its own cache, which holds a thousand of any size. */
export function useDocuments(documents: Documents): Plugin {
  const errorsOf = new WeakMap<DocumentNode, readonly GraphQLError[]>();
  return {
    onParse({ setParseFn }) {
      setParseFn((source) => {
        const { document, errors } = documents.read(typeof source === 'string' ? source : source.body);
        if (!document) throw errors[0];
        errorsOf.set(document, errors);
        return document;
      });
    },
    onValidate({ params, setResult }) {
      const errors = errorsOf.get(params.documentAST);
      if (errors) setResult(errors);
    },
  };
}
