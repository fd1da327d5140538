-- CreateEnum
CREATE TYPE "usage_metric" AS ENUM ('TIME_TO_FIRST_TOKEN', 'TOKENS_PER_SECOND');

-- CreateTable
CREATE TABLE "usage_histograms" (
    "bucket_start" TIMESTAMPTZ(3) NOT NULL,
    "project_id" UUID NOT NULL,
    "api_key_id" UUID NOT NULL,
    "model" TEXT NOT NULL,
    "metric" "usage_metric" NOT NULL,
    "bin" SMALLINT NOT NULL,
    "count" BIGINT NOT NULL,

    CONSTRAINT "usage_histograms_pkey" PRIMARY KEY ("bucket_start","project_id","api_key_id","model","metric","bin")
);

-- CreateIndex
CREATE INDEX "usage_histograms_project_id_bucket_start_idx" ON "usage_histograms"("project_id", "bucket_start");

-- Locks are always taken in this order: completion, project's quota, key's quota, roll-up, histogram.

-- The logarithmic bin of a duration or a rate: bin b holds what is above 1.1^(b-1) and not above 1.1^b, so that its middle
-- (2 × 1.1^b / 2.1) is off by at most 4.8 %. Bin -97 holds everything up to a ten-thousandth, zero included.
CREATE FUNCTION sluice_bin(p_value double precision)
RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
  SELECT CASE WHEN p_value <= 0.0001 THEN -97 ELSE least(ceil(ln(p_value) / ln(1.1::double precision)), 32767) END::smallint
$$;

-- What a record adds to the histograms: a row per metric that it has.
CREATE FUNCTION sluice_bins(p_record usage_records)
RETURNS TABLE (metric usage_metric, bin smallint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT m.metric, sluice_bin(m.value)
  FROM (VALUES
    ('TIME_TO_FIRST_TOKEN'::usage_metric, p_record.time_to_first_token_seconds),
    ('TOKENS_PER_SECOND'::usage_metric, nullif(p_record.tokens_per_second, 0))
  ) AS m (metric, value)
  WHERE m.value IS NOT NULL
$$;

INSERT INTO usage_histograms (bucket_start, project_id, api_key_id, model, metric, bin, count)
SELECT date_bin('15 minutes', u.created_at, timestamptz '2000-01-01 00:00:00+00'), u.project_id, u.api_key_id, u.model, m.metric, m.bin, count(*)
FROM usage_records u CROSS JOIN LATERAL sluice_bins(u) AS m
GROUP BY 1, 2, 3, 4, 5, 6;

-- Ends a completion, unless that has happened or a newer epoch has it, and answers with its row as it then stands; with no row
-- for an unknown id.
CREATE OR REPLACE FUNCTION sluice_settle(
  p_id uuid, p_epoch int, p_status completion_status, p_choices json, p_text_index bytea,
  p_prompt_tokens int, p_cached_prompt_tokens int, p_completion_tokens int, p_error json, p_error_code text, p_finish_reason text,
  p_started_at timestamptz, p_first_token_at timestamptz, p_finished_at timestamptz, p_terminal_seq int, p_record_id uuid
)
RETURNS SETOF completions
LANGUAGE plpgsql AS $$
DECLARE
  v completions;
  v_bucket timestamptz;
  v_tokens CONSTANT bigint := p_prompt_tokens + p_completion_tokens;
BEGIN
  SELECT * INTO v FROM completions WHERE id = p_id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF v.status NOT IN ('QUEUED', 'RUNNING') OR v.epoch > p_epoch THEN
    RETURN NEXT v;
    RETURN;
  END IF;

  UPDATE completions SET
    status = p_status,
    request = CASE WHEN keep_content THEN request END,
    choices = CASE WHEN keep_content THEN p_choices END,
    text_index = CASE WHEN keep_content THEN p_text_index END,
    used_prompt_tokens = p_prompt_tokens,
    cached_prompt_tokens = p_cached_prompt_tokens,
    completion_tokens = p_completion_tokens,
    cost = p_prompt_tokens * prompt_nanos_per_token + p_completion_tokens * completion_nanos_per_token,
    error = p_error,
    started_at = coalesce(started_at, p_started_at),
    first_token_at = coalesce(first_token_at, p_first_token_at),
    finished_at = p_finished_at,
    epoch = p_epoch,
    last_seq = p_terminal_seq,
    lease_until = NULL
  WHERE id = p_id
  RETURNING * INTO v;

  INSERT INTO usage_records (
    id, completion_id, project_id, api_key_id, model, "user", status, finish_reason, error_code,
    prompt_tokens, cached_prompt_tokens, completion_tokens, cost, prompt_nanos_per_token, completion_nanos_per_token,
    queue_seconds, time_to_first_token_seconds, duration_seconds, tokens_per_second, created_at
  ) VALUES (
    p_record_id, v.id, v.project_id, v.api_key_id, v.model, v."user", p_status, p_finish_reason, p_error_code,
    p_prompt_tokens, p_cached_prompt_tokens, p_completion_tokens, v.cost, v.prompt_nanos_per_token, v.completion_nanos_per_token,
    greatest(extract(epoch FROM coalesce(v.started_at, v.finished_at) - v.created_at), 0),
    CASE WHEN v.first_token_at IS NOT NULL THEN greatest(extract(epoch FROM v.first_token_at - v.created_at), 0) END,
    greatest(extract(epoch FROM v.finished_at - v.created_at), 0),
    p_completion_tokens / nullif(greatest(extract(epoch FROM v.finished_at - v.started_at), 0), 0),
    v.created_at
  );

  PERFORM FROM quotas WHERE subject_id = v.project_id FOR UPDATE;
  UPDATE quotas q SET
    concurrent = greatest(q.concurrent - 1, 0),
    day_tokens_reserved = q.day_tokens_reserved - CASE WHEN q.day = v.reserved_day THEN v.reserved_tokens ELSE 0 END,
    day_tokens_used = q.day_tokens_used + CASE WHEN q.day = v.reserved_day THEN v_tokens ELSE 0 END,
    month_tokens_reserved = q.month_tokens_reserved - CASE WHEN q.month = v.reserved_month THEN v.reserved_tokens ELSE 0 END,
    month_tokens_used = q.month_tokens_used + CASE WHEN q.month = v.reserved_month THEN v_tokens ELSE 0 END,
    month_cost_reserved = q.month_cost_reserved - CASE WHEN q.month = v.reserved_month THEN v.reserved_cost ELSE 0 END,
    month_cost_used = q.month_cost_used + CASE WHEN q.month = v.reserved_month THEN v.cost ELSE 0 END,
    -- The unused part goes back to the bucket, as far as it has not leaked away: what left with time cannot be had twice.
    tokens_arrival_nanos = q.tokens_arrival_nanos - coalesce(ceil(least(
      s.bucket_nanos::numeric * greatest(v.reserved_tokens - v_tokens, 0) / v.reserved_tokens,
      greatest(s.bucket_end - extract(epoch FROM p_finished_at) * 1000000000, 0)
    )), 0)::bigint
  FROM (VALUES (v.project_id, v.project_bucket_nanos, v.project_bucket_end), (v.api_key_id, v.key_bucket_nanos, v.key_bucket_end))
    AS s (subject_id, bucket_nanos, bucket_end)
  WHERE q.subject_id = s.subject_id;

  v_bucket := date_bin('15 minutes', v.created_at, timestamptz '2000-01-01 00:00:00+00');
  INSERT INTO usage_rollups AS r (
    bucket_start, project_id, api_key_id, model, requests, errors, prompt_tokens, cached_prompt_tokens, completion_tokens, cost
  ) VALUES (
    v_bucket, v.project_id, v.api_key_id, v.model,
    1, (p_status = 'FAILED')::int, p_prompt_tokens, p_cached_prompt_tokens, p_completion_tokens, v.cost
  )
  ON CONFLICT (bucket_start, project_id, api_key_id, model) DO UPDATE SET
    requests = r.requests + excluded.requests,
    errors = r.errors + excluded.errors,
    prompt_tokens = r.prompt_tokens + excluded.prompt_tokens,
    cached_prompt_tokens = r.cached_prompt_tokens + excluded.cached_prompt_tokens,
    completion_tokens = r.completion_tokens + excluded.completion_tokens,
    cost = r.cost + excluded.cost;

  INSERT INTO usage_histograms AS h (bucket_start, project_id, api_key_id, model, metric, bin, count)
  SELECT v_bucket, u.project_id, u.api_key_id, u.model, m.metric, m.bin, 1
  FROM usage_records u CROSS JOIN LATERAL sluice_bins(u) AS m
  WHERE u.id = p_record_id
  ON CONFLICT (bucket_start, project_id, api_key_id, model, metric, bin) DO UPDATE SET count = h.count + 1;

  RETURN NEXT v;
END
$$;
