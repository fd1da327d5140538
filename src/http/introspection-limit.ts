import { type ASTVisitor, GraphQLError, Kind, type SelectionSetNode, type ValidationContext } from 'graphql';

/** Twice what the largest introspection query of graphql-js selects. */
const mostFields = 500;
const introspection = ['__schema', '__type'];

/** A validation rule. Introspection needs no key and counts for no complexity, and each field of it is one of hundreds of types and fields. */
export function FewIntrospectionFieldsRule(context: ValidationContext): ASTVisitor {
  const fieldsOfFragments = new Map<string, number>();
  let fields = 0;

  /** Fragments count wherever they are spread. */
  function countFields(selectionSet: SelectionSetNode | undefined): number {
    let count = 0;
    for (const selection of selectionSet?.selections ?? []) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) count += countOfFragment(selection.name.value);
      else count += countFields(selection.selectionSet) + (selection.kind === Kind.FIELD ? 1 : 0);
    }
    return count;
  }

  function countOfFragment(name: string): number {
    const known = fieldsOfFragments.get(name);
    if (known !== undefined) return known;
    fieldsOfFragments.set(name, 0); // A fragment within itself is for another rule to refuse.
    const count = countFields(context.getFragment(name)?.selectionSet);
    fieldsOfFragments.set(name, count);
    return count;
  }

  return {
    Field(node) {
      if (!introspection.includes(node.name.value) || fields > mostFields) return;
      fields += countFields(node.selectionSet);
      if (fields <= mostFields) return;
      const message = `The document selects over ${mostFields} fields of introspection: split it into several operations.`;
      context.reportError(new GraphQLError(message, { nodes: node }));
    },
  };
}
