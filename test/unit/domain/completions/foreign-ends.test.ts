import { expect, test } from 'vitest';
import { createMemoryTokenLog } from '../../../../src/bus/memory/token-log.ts';
import type { Completion } from '../../../../src/contracts/stores/completions.ts';
import { StoreUnavailableError } from '../../../../src/contracts/stores/store.ts';
import { createForeignEnds } from '../../../../src/domain/completions/foreign-ends.ts';
import { forever } from '../../../contract/jobs/suite.ts';
import { silentLog } from '../../../kit/database.ts';
import { completionId, completionWith } from '../../graphql/fixtures.ts';

const id = completionId();

function open(answers: readonly (Completion | 'away')[]) {
  const log = createMemoryTokenLog({ retention: { logSeconds: 60, logBytes: 1e6 } });
  let asked = 0;
  const find = async () => {
    const answer = answers[Math.min(asked++, answers.length - 1)]!;
    if (answer === 'away') throw new StoreUnavailableError('away');
    return [answer];
  };
  return { log, foreignEnds: createForeignEnds({ completions: { find }, log, logger: silentLog }), asked: () => asked };
}

test('readers get the end that others give a completion, also where the database is away meanwhile', async () => {
  const runs = completionWith({ id, status: 'RUNNING', epoch: 2 });
  const { log, foreignEnds } = open([runs, 'away', completionWith({ id, status: 'SUCCEEDED', epoch: 2, lastSeq: 9 })]);
  await using _ = foreignEnds;
  await log.create(id, 0);
  const reader = await log.read(id, 0, forever());
  foreignEnds.show(id);
  expect(await reader!.next()).toMatchObject({ value: { type: 'finished', seq: 9 } });
});

test('where nobody can read it here, nobody asks for its end', async () => {
  const { foreignEnds, asked } = open([completionWith({ id, status: 'RUNNING' })]);
  foreignEnds.show(id);
  await foreignEnds[Symbol.asyncDispose]();
  expect(asked()).toBe(0);
});
