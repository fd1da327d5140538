import { GraphQLError, Lexer, Source, TokenKind } from 'graphql';
import type { DomainError } from '../contracts/errors.ts';

/** Far over what anybody writes or generates. What a document costs follows these and not its size, which may be that of a long prompt. */
const mostTokens = 10_000;
const deepestNesting = 100;
/** Messages about a document quote its names, each in many of them. */
const longestName = 255;

const opening: readonly TokenKind[] = [TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L];
const closing: readonly TokenKind[] = [TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R];

/** Throws a GraphQLError for a document that is too costly to parse and validate for anybody who sends it, and for what are no tokens. */
export function requireModestDocument(text: string): void {
  const lexer = new Lexer(new Source(text));
  let tokens = countComments(text);
  let nesting = 0;
  for (let { kind, start, end } = lexer.advance(); kind !== TokenKind.EOF; { kind, start, end } = lexer.advance()) {
    tokens += 1;
    if (opening.includes(kind)) nesting += 1;
    if (closing.includes(kind)) nesting -= 1;
    if (nesting > deepestNesting) {
      throw refusal(
        `The document nests over ${deepestNesting} levels deep: ask for less depth, or send it as variables.`,
      );
    }
    if (kind === TokenKind.NAME && end - start > longestName) {
      throw refusal(`The document has a name of over ${longestName} characters: shorten it.`);
    }
    requireFewTokens(tokens);
  }
}

/** The lexer makes a token of each, though it shows none. A line of a string may count as one too. */
function countComments(text: string): number {
  let comments = 0;
  for (const _comment of text.matchAll(/#.*/gu)) requireFewTokens(++comments);
  return comments;
}

function requireFewTokens(tokens: number): void {
  if (tokens <= mostTokens) return;
  throw refusal(
    `The document has over ${mostTokens} tokens and comments: send values as variables, or split it into several operations.`,
  );
}

function refusal(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'INVALID_INPUT' satisfies DomainError['code'] } });
}
