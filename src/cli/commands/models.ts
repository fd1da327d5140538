import type { Command } from 'commander';
import { connect } from '../connect.ts';
import * as documents from '../documents.ts';
import type { Model } from '../results.ts';
import { addSettings, administrationSettings, flagsOf } from '../settings.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

export function addModelsCommand(program: Command, terminal: Terminal): void {
  const models = program.command('models').description('the models that the service answers with');
  addSettings(models.command('list'), administrationSettings)
    .description('list the models of the catalogue')
    .option('--json', 'print a JSON array')
    .action(async (options: Readonly<Record<string, unknown>>) => {
      await using connection = await connect(flagsOf(options, administrationSettings), terminal);
      const { models: list } = await connection.execute<{ models: readonly Model[] }>(documents.models);
      terminal.out(options.json ? `${JSON.stringify(list)}\n` : formatTable(columns, list));
    });
}

const columns = [
  { title: 'NAME', value: ({ name }: Model) => name },
  { title: 'STATUS', value: ({ status }: Model) => status },
  { title: 'CONTEXT', value: ({ contextSize }: Model) => String(contextSize), align: 'right' as const },
  { title: 'SLOTS', value: ({ slots }: Model) => String(slots), align: 'right' as const },
  { title: 'ALIASES', value: ({ aliases }: Model) => aliases.join(', ') },
  { title: 'ERROR', value: ({ error }: Model) => error ?? '' },
];
