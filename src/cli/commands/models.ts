import type { Command } from 'commander';
import { connect, connectToServer } from '../connect.ts';
import * as documents from '../documents.ts';
import { ConnectionLost, Interrupted } from '../failure.ts';
import { type Model, type MovedModel, payloadOf, type UserError } from '../results.ts';
import { addSettings, administrationSettings, clientSettings, flagsOf } from '../settings.ts';
import { formatTable } from '../table.ts';
import type { Terminal } from '../terminal.ts';

export function addModelsCommand(program: Command, terminal: Terminal): void {
  const models = program
    .command('models')
    .description('the models that the service answers with: list them, move them in and out of memory');

  addSettings(models.command('list'), administrationSettings)
    .description('list the models of the catalogue')
    .option('--json', 'print a JSON array')
    .action(async (options: Readonly<Record<string, unknown>>) => {
      await using connection = await connect(flagsOf(options, administrationSettings), terminal);
      const { models: list } = await connection.execute<{ models: readonly Model[] }>(documents.models);
      terminal.out(options.json ? `${JSON.stringify(list)}\n` : formatTable(columns, list));
    });

  addMove(models.command('load'), terminal, {
    description: 'load a model, and wait until it is in memory; others leave where it needs their room',
    document: documents.loadModel,
    done: 'Loaded',
  });

  addMove(models.command('unload'), terminal, {
    description: 'take a model out of memory, and wait until it is out; what runs on it ends first',
    document: documents.unloadModel,
    done: 'Unloaded',
  });
}

interface Move {
  readonly description: string;
  readonly document: string;
  readonly done: string;
}

function addMove(command: Command, terminal: Terminal, { description, document, done }: Move): void {
  addSettings(command, clientSettings)
    .description(description)
    .argument('<name>', 'its name, or an alias')
    .option('--json', 'print the model as one JSON line')
    .action(async (name: string, options: Readonly<Record<string, unknown>>) => {
      await using connection = await connectToServer(flagsOf(options, clientSettings), terminal.environment);
      const { interrupted } = terminal;
      // Over a socket: an answer over HTTP would be given up long before a large model is loaded.
      const answers = connection.subscribe<Record<string, MovedModel | UserError>>(
        document,
        { input: { model: name } },
        interrupted,
      );
      for await (const answer of answers) {
        const { model } = payloadOf(Object.values(answer)[0]!);
        terminal.out(options.json ? `${JSON.stringify(model)}\n` : `${done} the model "${model.name}".\n`);
        return;
      }
      if (interrupted.aborted) throw new Interrupted('the server goes on by itself', Number(interrupted.reason));
      throw new ConnectionLost(`${connection.url} did not answer: what it does now, "sluice models list" shows`);
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
