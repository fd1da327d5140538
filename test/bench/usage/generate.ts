import type pg from 'pg';
import type { ApiKeyId, ProjectId } from '../../../src/contracts/ids.ts';
import { connectionPool } from '../../../src/store/connection.ts';
import type { TestStore } from '../../kit/store.ts';

/** A month, and whose usage it holds. */
export interface GeneratedMonth {
  readonly from: Date;
  readonly before: Date;
  readonly projectId: ProjectId;
  readonly apiKeyId: ApiKeyId;
}

const month = { from: new Date('2031-05-01T00:00:00Z'), before: new Date('2031-06-01T00:00:00Z') };
const projects = 20;
const keysPerProject = 5;
const tables = ['usage_records', 'usage_rollups', 'usage_histograms'];

/**
 * A month of records, evenly spread: 20 projects with 5 keys each, some of them much busier than others; 4 models of which a key uses two; a
 * thousand user tags. Roll-ups and histograms are made of the records by the same expressions as settlement's.
 */
export async function generateMonth({ database, ...opened }: TestStore, records: number): Promise<GeneratedMonth> {
  const keys: { readonly id: ApiKeyId; readonly projectId: ProjectId }[] = [];
  for (let project = 0; project < projects; project++) {
    const projectId = await opened.newProject();
    for (let key = 0; key < keysPerProject; key++) keys.push(await opened.newKey({ projectId }));
  }
  const { address } = database;
  const pool = address.oneSession ? database.pool : connectionPool(address, { max: 1, statement_timeout: false });
  try {
    await pool.query(`SET maintenance_work_mem = '256MB'; SET work_mem = '256MB'`);
    // No row of it outlives the run: it need not survive a crash.
    for (const table of tables) await pool.query(`ALTER TABLE ${table} SET UNLOGGED`);
    const indexes = await dropIndexes(pool);
    await pool.query(insertRecords, [
      records,
      month.from,
      month.before,
      keys.map(({ id }) => id),
      keys.map(({ projectId }) => projectId),
    ]);
    for (const index of indexes) await pool.query(index);
    await pool.query(insertRollups);
    await pool.query(insertHistograms);
    for (const table of tables) await pool.query(`VACUUM (ANALYZE) ${table}`);
    await pool.query('RESET maintenance_work_mem; RESET work_mem');
  } finally {
    if (pool !== database.pool) await pool.end();
  }
  const { id: apiKeyId, projectId } = keys[keys.length >> 1]!;
  return { ...month, apiKeyId, projectId };
}

/** Those of the records but for the primary key; building them afterwards is several times faster. Answers with how to. */
async function dropIndexes(pool: pg.Pool): Promise<readonly string[]> {
  const { rows } = await pool.query<{ indexname: string; indexdef: string }>(
    `SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'usage_records' AND indexname <> 'usage_records_pkey'`,
  );
  for (const { indexname } of rows) await pool.query(`DROP INDEX ${indexname}`);
  return rows.map(({ indexdef }) => indexdef);
}

/** In order of time, as settlement would; ids grow with it. */
const insertRecords = `
  INSERT INTO usage_records (
    id, completion_id, project_id, api_key_id, model, "user", status, finish_reason, error_code,
    prompt_tokens, cached_prompt_tokens, completion_tokens, cost, prompt_nanos_per_token, completion_nanos_per_token,
    queue_seconds, time_to_first_token_seconds, duration_seconds, tokens_per_second, created_at
  )
  SELECT
    (id || '8000' || lpad(to_hex(i), 12, '0'))::uuid, (id || '9000' || lpad(to_hex(i), 12, '0'))::uuid,
    ($5::uuid[])[key], ($4::uuid[])[key], 'model-' || (key + (chance > 0.7)::int) % 4, 'user-' || floor(who * 1000),
    CASE WHEN chance < 0.02 THEN 'FAILED' ELSE 'SUCCEEDED' END::completion_status,
    CASE WHEN chance < 0.02 THEN 'ERROR' ELSE 'STOP' END, CASE WHEN chance < 0.02 THEN 'ENGINE_CRASHED' END,
    prompt, 0, answer, prompt * 3 + answer * 5, 3, 5,
    0.01 * wait, CASE WHEN chance > 0.01 THEN 0.03 + 0.2 * wait END, 0.03 + 0.2 * wait + answer / rate, CASE WHEN chance > 0.01 THEN rate END, at
  FROM (
    SELECT i, at, lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' AS id, chance, who,
      1 + floor(which ^ 2 * cardinality($4::uuid[]))::int AS key, -ln(1 - wait) AS wait,
      10 + floor(size * 1000)::int AS prompt, 1 + floor(size * 300)::int AS answer, 20 + 60 * speed AS rate
    FROM (
      SELECT i, $2::timestamptz + ($3::timestamptz - $2::timestamptz) * (i / $1::float8) AS at,
        random() AS chance, random() AS who, random() AS which, random() AS wait, random() AS size, random() AS speed
      FROM generate_series(0, $1::int - 1) AS i
    ) AS drawn
  ) AS request`;

const quarter = `date_bin('15 minutes', created_at, timestamptz '2000-01-01 00:00:00+00')`;

const insertRollups = `
  INSERT INTO usage_rollups (
    bucket_start, project_id, api_key_id, model, requests, errors, prompt_tokens, cached_prompt_tokens, completion_tokens, cost
  )
  SELECT ${quarter}, project_id, api_key_id, model, count(*), count(*) FILTER (WHERE status = 'FAILED'),
    sum(prompt_tokens), sum(cached_prompt_tokens), sum(completion_tokens), sum(cost)
  FROM usage_records GROUP BY 1, 2, 3, 4`;

const insertHistograms = `
  INSERT INTO usage_histograms (bucket_start, project_id, api_key_id, model, times_to_first_token, token_rates)
  SELECT ${quarter}, project_id, api_key_id, model,
    sum(sluice_histogram(time_to_first_token_seconds)), sum(sluice_histogram(nullif(tokens_per_second, 0)))
  FROM usage_records GROUP BY 1, 2, 3, 4`;
