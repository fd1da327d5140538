import { expect, test } from 'vitest';
import { remoteAddress } from '../../../src/store/connection.ts';

test.each([
  ['postgresql://user:hunter2@db.example:6432/sluice?sslmode=require', 'db.example:6432/sluice', 'public'],
  ['postgres://user:hunter2@db.example/sluice?schema=ours', 'db.example/sluice', 'ours'],
  ['postgresql:///sluice?host=/var/run/postgresql', '/var/run/postgresql/sluice', 'public'],
])('%s is named without its password and keeps what pg must know', (url, label, schema) => {
  const address = remoteAddress(url);
  expect(address).toMatchObject({ label, schema });
  expect(address.label).not.toContain('hunter2');
  expect(address.pool.connectionString).not.toContain('schema=');
  if (url.includes('sslmode')) expect(address.pool.connectionString).toContain('sslmode=require');
});
