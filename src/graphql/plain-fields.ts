import {
  type ExecutionArgs,
  type ExecutionResult,
  type FieldNode,
  type GraphQLInterfaceType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLUnionType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
// The executor's own parts. They are internal to the package, which is pinned.
import { collectFields, collectSubfields } from 'graphql/execution/collectFields.js';
import { buildExecutionContext, type ExecutionContext } from 'graphql/execution/execute.js';

/** Where the schema says of a field that it is plain, and how it is read. */
const extension = 'plain';

/**
 * A plain field reads nothing but its parent: no arguments, no context, no access rule of its own, nothing to wait for. What a
 * subscription selects of plain fields is worked out once, and read from each event then; the executor would work it out again for
 * every token and reader, which costs more than all else between the log and the socket.
 */
export function plain<Parent, Value>(read: (parent: Parent) => Value) {
  return { resolve: read, extensions: { [extension]: read } };
}

/** What `execute` would answer for an event; undefined where it has to be asked: not everything is plain, or something is amiss. */
export type PlainReader = (event: unknown) => ExecutionResult | undefined;

/** A value as the executor would complete it; throws where that takes the executor itself. */
type Read = (value: unknown) => unknown;

const notPlain = new Error('this takes the executor');

export function createPlainReader(args: ExecutionArgs): PlainReader {
  const execution = buildExecutionContext(args);
  const readData = 'schema' in execution ? orRefuse(() => dataOf(execution)) : refuse;
  return (event) => {
    try {
      return { data: readData(event) as NonNullable<ExecutionResult['data']> };
    } catch {
      return undefined;
    }
  };
}

function refuse(): never {
  throw notPlain;
}

function orRefuse(prepare: () => Read): Read {
  try {
    return prepare();
  } catch (error) {
    if (error === notPlain) return refuse;
    throw error;
  }
}

/** As the executor: CompleteValue and ExecuteSelectionSet of https://spec.graphql.org/October2021/#sec-Executing-Fields. */
function dataOf({ schema, fragments, variableValues, operation, contextValue }: ExecutionContext): Read {
  function fieldsOf(type: GraphQLObjectType, selected: ReadonlyMap<string, readonly FieldNode[]>): Read {
    // The one name that would not become a property.
    if (selected.has('__proto__')) return refuse();
    const fields = [...selected].map(([name, nodes]) => ({ name, read: fieldOf(type, nodes) }));
    return (parent) => {
      const object: Record<string, unknown> = {};
      for (const { name, read } of fields) object[name] = read(parent);
      return object;
    };
  }

  function fieldOf(type: GraphQLObjectType, nodes: readonly FieldNode[]): Read {
    const name = nodes[0]!.name.value;
    if (name === '__typename') return () => type.name;
    const field = type.getFields()[name];
    const read = field?.extensions[extension] as Read | undefined;
    if (!field || !read) return refuse();
    const complete = completedOf(field.type, nodes);
    return (parent) => complete(read(parent));
  }

  function completedOf(type: GraphQLOutputType, nodes: readonly FieldNode[]): Read {
    if (isNonNullType(type)) {
      const complete = completedOf(type.ofType, nodes);
      return (value) => complete(value) ?? refuse();
    }
    const complete = presentOf(type, nodes);
    return (value) => (value === null || value === undefined ? null : complete(value));
  }

  function presentOf(type: GraphQLOutputType, nodes: readonly FieldNode[]): Read {
    if (isLeafType(type)) return (value) => type.serialize(value) ?? refuse();
    if (isObjectType(type)) return objectOf(type, nodes);
    if (!isListType(type)) return anyOf(type as GraphQLInterfaceType | GraphQLUnionType, nodes);
    const complete = completedOf(type.ofType, nodes);
    return (values) => (Array.isArray(values) ? values.map(complete) : refuse());
  }

  function objectOf(type: GraphQLObjectType, nodes: readonly FieldNode[]): Read {
    return fieldsOf(type, collectSubfields(schema, fragments, variableValues, type, nodes));
  }

  /** Each type behind it when it first comes: one may be plain where another is not. */
  function anyOf(type: GraphQLInterfaceType | GraphQLUnionType, nodes: readonly FieldNode[]): Read {
    const reads = new Map<unknown, Read>();
    function readOf(name: unknown): Read {
      const runtimeType = typeof name === 'string' ? schema.getType(name) : undefined;
      return isObjectType(runtimeType) ? orRefuse(() => objectOf(runtimeType, nodes)) : refuse;
    }
    return (value) => {
      const name = type.resolveType?.(value, contextValue, undefined as never, type);
      const read = reads.get(name) ?? readOf(name);
      reads.set(name, read);
      return read(value);
    };
  }

  const root = schema.getSubscriptionType() ?? refuse();
  return fieldsOf(root, collectFields(schema, fragments, variableValues, root, operation.selectionSet));
}
