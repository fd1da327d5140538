import type { Id } from '../contracts/ids.ts';

/** The nouns that `node(id:)` answers for. */
export const nodeNouns = ['ApiKey', 'AuditEvent', 'Completion', 'Project', 'UsageRecord'] as const;
export type NodeNoun = (typeof nodeNouns)[number];

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u;

/** A global id: opaque to clients, unique over all nouns. */
export function encodeId(noun: string, id: string): string {
  return Buffer.from(`${noun}:${id}`).toString('base64url');
}

/** What a global id stands for; undefined for anything that we cannot have made, so that it is answered like an unknown one. */
export function decodeId(globalId: string): { readonly noun: NodeNoun; readonly id: string } | undefined {
  const [noun, id, ...rest] = Buffer.from(globalId, 'base64url').toString().split(':');
  if (!isNodeNoun(noun) || !id || !uuid.test(id) || rest.length > 0) return undefined;
  return { noun, id };
}

export function decodeIdOf<Noun extends NodeNoun>(noun: Noun, globalId: string): Id<Noun> | undefined {
  const decoded = decodeId(globalId);
  return decoded?.noun === noun ? (decoded.id as Id<Noun>) : undefined;
}

function isNodeNoun(noun: string | undefined): noun is NodeNoun {
  return (nodeNouns as readonly (string | undefined)[]).includes(noun);
}
