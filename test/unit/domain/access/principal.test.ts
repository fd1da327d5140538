import { describe, expect, it } from 'vitest';
import type { ProjectId } from '../../../../src/contracts/ids.ts';
import { type Scope, scopes } from '../../../../src/contracts/stores/api-keys.ts';
import {
  hasScope,
  type Principal,
  requireScope,
  seesProject,
  visibleProject,
} from '../../../../src/domain/access/principal.ts';

const own = 'own' as ProjectId;
const other = 'other' as ProjectId;
const withScopes = (...held: Scope[]) => ({ projectId: own, scopes: held }) as Partial<Principal> as Principal;

describe('what a principal may do', () => {
  it.each(scopes.map((scope) => [scope]))('is %s with that scope or ADMIN', (scope) => {
    expect(hasScope(withScopes(scope), scope)).toBe(true);
    expect(hasScope(withScopes('ADMIN'), scope)).toBe(true);
    expect(hasScope(withScopes(), scope)).toBe(false);
    expect(() => requireScope(withScopes(), scope)).toThrow(`This needs an API key with the scope ${scope}.`);
  });

  it('is to see models, for whoever may complete, and nothing else by implication', () => {
    for (const held of scopes.filter((scope) => scope !== 'ADMIN')) {
      for (const asked of scopes.filter((scope) => scope !== held)) {
        const implied = held === 'COMPLETIONS' && asked === 'MODELS_READ';
        expect({ held, asked, holds: hasScope(withScopes(held), asked) }).toEqual({ held, asked, holds: implied });
      }
    }
  });

  it('is within its project, except for administrators', () => {
    const user = withScopes('COMPLETIONS', 'USAGE_READ');
    const admin = withScopes('ADMIN');
    expect([seesProject(user, own), seesProject(user, other), seesProject(admin, other)]).toEqual([true, false, true]);
    expect([visibleProject(user, null), visibleProject(user, own)]).toEqual([own, own]);
    expect(() => visibleProject(user, other)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
    expect([visibleProject(admin, null), visibleProject(admin, other)]).toEqual([null, other]);
  });
});
