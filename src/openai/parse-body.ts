import type { z } from '@hono/zod-openapi';
import { holdsMoreValues } from '../lib/holds-more-values.ts';
import { OpenAiError, parameterName } from './errors.ts';
import { notYetInMessages } from './not-yet.ts';
import type { BodyRules } from './requests.ts';

/** Checks the shape of a body as the official API does: unknown arguments first, then what is not there yet, then the types. */
export function parseBody<Passed extends z.ZodObject>(
  { passed, notYet }: BodyRules<Passed>,
  body: unknown,
): z.output<Passed> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new OpenAiError(400, 'invalid_type', 'The request body must be a JSON object.');
  }
  const given = new Map(Object.entries(body).filter(([, value]) => value !== null));
  refuseTooMuch([...given].filter(([name]) => name !== 'prompt'));
  refuseUnknown([...given.keys()].filter((name) => !Object.hasOwn(passed.shape, name) && !Object.hasOwn(notYet, name)));
  for (const [name, schema] of Object.entries(notYet)) {
    if (given.has(name) && !schema.safeParse(given.get(name)).success) throw unsupported(name);
    given.delete(name);
  }
  const wanted = Object.fromEntries(given);
  const parsed = passed.safeParse(wanted);
  if (parsed.success) return parsed.data;
  throw issueError(parsed.error.issues[0]!, wanted);
}

/** Beyond what any sensible request holds: of millions of values that are wrong, every one would be looked at and described. */
const mostValues = 32_768;

/** The prompt is left out, which may be millions of token ids: it is checked up to the first that is wrong. */
function refuseTooMuch(values: readonly unknown[]): void {
  if (holdsMoreValues(values, mostValues)) {
    throw new OpenAiError(400, 'invalid_value', `The request holds more than ${mostValues} values.`);
  }
}

export function unsupported(name: string): OpenAiError {
  return new OpenAiError(
    400,
    'unsupported_parameter',
    `Unsupported parameter: '${shorten(name)}' is not supported by this server yet.`,
    shorten(name),
  );
}

function refuseUnknown(names: readonly string[]): void {
  const [first] = names;
  if (first === undefined) return;
  const shown = names.slice(0, 5).map(shorten).join(', ');
  const argument = names.length === 1 ? 'argument' : 'arguments';
  throw new OpenAiError(
    400,
    'unknown_parameter',
    `Unrecognized request ${argument} supplied: ${shown}`,
    names.length === 1 ? shorten(first) : null,
  );
}

function issueError(issue: z.core.$ZodIssue, body: object): OpenAiError {
  const param = parameterName(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const path = param === null ? '' : `${param}.`;
    const shown = issue.keys.slice(0, 5).map((key) => shorten(`${path}${key}`));
    return new OpenAiError(
      400,
      'unknown_parameter',
      `Unrecognized request argument supplied: ${shown.join(', ')}`,
      param,
    );
  }
  const value = valueAt(body, issue.path);
  if (value === undefined) {
    return new OpenAiError(400, 'missing_required_parameter', `Missing required parameter: '${param}'.`, param);
  }
  const [parameter, , field] = issue.path;
  if (parameter === 'messages' && Object.hasOwn(notYetInMessages, String(field))) return unsupported(param!);
  const message = issue.message.replace(/^Invalid (?:input|option): /u, '');
  const code = issue.code === 'invalid_type' || issue.code === 'invalid_union' ? 'invalid_type' : 'invalid_value';
  return new OpenAiError(400, code, `Invalid value for '${param}': ${message}.`, param);
}

function valueAt(body: object, path: readonly PropertyKey[]): unknown {
  let value: unknown = body;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

function shorten(name: string): string {
  return name.length > 100 ? `${name.slice(0, 100)}…` : name;
}
