import { expect, test } from 'vitest';
import { createReportOnce } from '../../../src/inference/report-once.ts';

test('is an error when it is new or was well in between, and for debugging while it stays the same', () => {
  const logged: string[] = [];
  const report = createReportOnce((level, message) => logged.push(`${level} ${message}`));
  report.wrong('a', 'no file');
  report.wrong('b', 'no file');
  report.wrong('a', 'no file');
  report.wrong('a', 'another checksum');
  report.well('b');
  report.wrong('b', 'no file');
  expect(logged).toEqual([
    'error no file',
    'error no file',
    'debug no file',
    'error another checksum',
    'error no file',
  ]);
});
