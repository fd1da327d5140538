import { defineConfig } from 'prisma/config';

/** Only `prisma generate` reads this. Migrations are applied and authored in process: see src/store/migrate.ts. */
export default defineConfig({ schema: 'schema.prisma' });
