import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createScriptedInference } from '../../../src/inference/scripted.ts';
import { startApp, type TestApp } from '../../kit/app.ts';
import { createClient } from '../../kit/client.ts';
import { complete, refusal } from '../../kit/completions.ts';
import { createKey, revokeKey, rotateKey, updateKey, viewerKey } from '../../kit/keys.ts';
import { auditEvents, changeProject, listProjects } from '../../kit/projects.ts';
import { openSocket } from '../../kit/socket.ts';

const model = 'scripted';
const prompt = 'alpha beta';

describe('projects', () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startApp({ inference: createScriptedInference([{ name: model }]) });
  });
  afterAll(() => app?.[Symbol.asyncDispose]());

  async function newProject(name: string, limits: object = {}) {
    return (await changeProject(app.admin, 'createProject', { name, limits })).project!;
  }

  async function keyIn(projectId: string) {
    const { apiKey, secret } = await createKey(app.admin, { name: 'in it', scopes: ['COMPLETIONS'], projectId });
    return { id: apiKey!.id, client: createClient(app.url, secret!) };
  }

  it('are made, changed, and listed newest first', async () => {
    const project = await newProject(' made ', { tokensPerDay: 100, costPerMonth: '1.5' });
    expect(project).toMatchObject({
      name: 'made',
      archivedAt: null,
      limits: { tokensPerDay: '100', costPerMonth: '1.5' },
    });
    const { id } = project;
    const changed = await changeProject(app.admin, 'updateProject', { id, limits: { tokensPerDay: null } });
    expect(changed.project).toMatchObject({ name: 'made', limits: { tokensPerDay: null, costPerMonth: '1.5' } });
    const { edges } = await listProjects(app.admin, { first: 1 });
    expect(edges.map(({ node }) => node)).toEqual([changed.project]);
  });

  it('bear names of their own', async () => {
    await newProject('taken');
    const { id } = await newProject('other');
    for (const refused of [
      await changeProject(app.admin, 'createProject', { name: 'taken' }),
      await changeProject(app.admin, 'updateProject', { id, name: 'taken' }),
    ]) {
      expect(refused).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: ['name'], code: 'taken' }] });
    }
    expect((await changeProject(app.admin, 'updateProject', { id, name: 'other' })).project?.name).toBe('other');
  });

  it('share their limits among their keys, whatever the keys are allowed, from the moment they are set', async () => {
    const { id } = await newProject('limited');
    const [one, other] = [await keyIn(id), await keyIn(id)];
    expect((await complete(one.client, { model, prompt })).status).toBe('SUCCEEDED');
    await changeProject(app.admin, 'updateProject', { id, limits: { tokensPerDay: 6 } });
    expect(await refusal(other.client, { model, prompt, maxTokens: 2 })).toMatchObject({
      code: 'QUOTA_EXCEEDED',
      limitScope: 'PROJECT',
      used: '5',
    });
  });

  it('that are archived refuse their keys at once, close what they opened, and keep their usage', async () => {
    const { id } = await newProject('archived soon');
    const { client } = await keyIn(id);
    await complete(client, { model, prompt });
    await using socket = await openSocket(app.url, client.secret);
    const first = (await changeProject(app.admin, 'archiveProject', { id })).project!;
    expect(first.archivedAt).not.toBeNull();
    const { errors } = await client.request('{ viewer { scopes } }');
    expect(errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED');
    expect(await socket.closed).toMatchObject({ code: 4403 });
    expect((await changeProject(app.admin, 'archiveProject', { id })).project).toEqual(first);
    const document = 'query ($id: ID) { usageRecords(first: 9, filter: { projectId: $id }) { edges { cursor } } }';
    const { usageRecords } = await app.admin.execute<{ usageRecords: { edges: unknown[] } }>(document, { id });
    expect(usageRecords.edges).toHaveLength(1);
    const refused = await createKey(app.admin, { name: 'late', scopes: ['COMPLETIONS'], projectId: id });
    expect(refused).toMatchObject({ code: 'INVALID_INPUT', issues: [{ path: ['projectId'] }] });
    const archived = await listProjects(app.admin, { first: 100, filter: { archived: true } });
    expect(archived.edges.map(({ node }) => node.id)).toEqual([id]);
  });

  it('are not archived by a key of their own', async () => {
    const { viewer } = await app.admin.execute<{ viewer: { project: { id: string } } }>(
      '{ viewer { project { id } } }',
    );
    const refused = await changeProject(app.admin, 'archiveProject', { id: viewer.project.id });
    expect(refused).toMatchObject({ code: 'INVALID_INPUT', issues: [{ code: 'own_project' }] });
  });

  it('and keys leave an audit event with every change: who, what, before, after and when', async () => {
    const began = Date.now();
    const { id: admin } = await viewerKey(app.admin);
    const { id } = await newProject('audited', { requestsPerMinute: 5 });
    await changeProject(app.admin, 'updateProject', { id, name: 'audited again' });
    await changeProject(app.admin, 'updateProject', { id, name: 'audited again' });
    const key = await keyIn(id);
    await updateKey(app.admin, { id: key.id, limits: { costPerMonth: '0.5' } });
    const rotated = await rotateKey(app.admin, { id: key.id });
    await revokeKey(app.admin, key.id);
    await revokeKey(app.admin, key.id);
    await changeProject(app.admin, 'archiveProject', { id });

    const found = await auditEvents(app.admin, { projectId: id });
    expect(found.map(({ action, targetId }) => [action, targetId]).reverse()).toEqual([
      ['PROJECT_CREATE', id],
      ['PROJECT_UPDATE', id],
      ['API_KEY_CREATE', key.id],
      ['API_KEY_UPDATE', key.id],
      ['API_KEY_ROTATE', key.id],
      ['API_KEY_REVOKE', key.id],
      ['PROJECT_ARCHIVE', id],
    ]);
    for (const event of found) {
      expect(event).toMatchObject({ actor: { id: admin }, project: { id } });
      expect(Date.parse(event.at)).toBeGreaterThanOrEqual(began);
    }
    const [archive, , , update, create, rename] = found;
    expect(rename).toMatchObject({ before: { name: 'audited' }, after: { name: 'audited again' } });
    expect(create).toMatchObject({ before: null, after: { name: 'in it', scopes: ['COMPLETIONS'] } });
    expect(update!.before!.limits).toMatchObject({ costPerMonth: null });
    expect(update!.after!.limits).toMatchObject({ costPerMonth: '500000000' });
    expect(archive).toMatchObject({ before: { archivedAt: null }, after: { archivedAt: expect.any(String) } });
    for (const secret of [key.client.secret, rotated.secret!]) {
      expect(JSON.stringify(found)).not.toContain(secret.slice(9));
    }

    const renames = await auditEvents(app.admin, { projectId: id, action: 'PROJECT_UPDATE' });
    expect(renames).toEqual([rename]);
    const { node } = await app.admin.execute<{ node: unknown }>(
      'query ($id: ID!) { node(id: $id) { id ... on AuditEvent { action } } }',
      { id: rename!.id },
    );
    expect(node).toEqual({ id: rename!.id, action: 'PROJECT_UPDATE' });
  });
});
