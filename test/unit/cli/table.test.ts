import { expect, test } from 'vitest';
import { formatTable } from '../../../src/cli/table.ts';

test('columns are aligned, wide characters counted as the terminal shows them', () => {
  const columns = [
    { title: 'NAME', value: (row: readonly string[]) => row[0]! },
    { title: 'N', value: (row: readonly string[]) => row[1]!, align: 'right' as const },
    { title: 'NOTE', value: (row: readonly string[]) => row[2]! },
  ];
  const rows = [
    ['long name', '1', ''],
    ['模型', '200', 'x'],
  ];
  expect(formatTable(columns, rows)).toBe('NAME         N  NOTE\nlong name    1  -\n模型       200  x\n');
});
