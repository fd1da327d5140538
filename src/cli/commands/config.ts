import type { Command } from 'commander';
import { z } from 'zod';
import { configFileSchema } from '../../config.ts';
import type { Terminal } from '../terminal.ts';

export function addConfigCommand(program: Command, terminal: Terminal): void {
  const config = program.command('config').description('the configuration file');
  config
    .command('schema')
    .description('print the JSON Schema of sluice.config.json')
    .action(() => {
      const schema = z.toJSONSchema(configFileSchema, { io: 'input' });
      terminal.out(`${JSON.stringify({ title: 'sluice.config.json', ...schema }, undefined, 2)}\n`);
    });
}
