-- Histograms become one row per roll-up, where a bin had a row of its own: a month is read from a fiftieth of the rows.

-- A histogram of one value, as a number: 10^(12 × place). Adding such numbers adds histograms: each place has twelve decimal digits,
-- which hold the count of its values.
--
-- Place p holds what is above 1.1^(p-98) and not above 1.1^(p-97), so that its middle (2 × 1.1^(p-97) / 2.1) is off by at most 4.8 %.
-- Place 0 holds everything up to a ten-thousandth, zero included; place 255 everything above 3 million. No value is no histogram: 0.
CREATE FUNCTION sluice_histogram(p_value double precision)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN p_value <= 0.0001 THEN 1
    WHEN p_value > 0.0001 THEN ('1e' || (12 * least(97 + ceil(ln(p_value) / ln(1.1::double precision)), 255))::int::text)::numeric
    ELSE 0
  END
$$;

CREATE TEMPORARY TABLE packed ON COMMIT DROP AS
SELECT bucket_start, project_id, api_key_id, model,
  coalesce(sum(count * ('1e' || 12 * least(97 + bin, 255))::numeric) FILTER (WHERE metric = 'TIME_TO_FIRST_TOKEN'), 0) AS times_to_first_token,
  coalesce(sum(count * ('1e' || 12 * least(97 + bin, 255))::numeric) FILTER (WHERE metric = 'TOKENS_PER_SECOND'), 0) AS token_rates
FROM usage_histograms
GROUP BY 1, 2, 3, 4;

TRUNCATE usage_histograms;

-- AlterTable
ALTER TABLE "usage_histograms" DROP CONSTRAINT "usage_histograms_pkey",
DROP COLUMN "bin",
DROP COLUMN "count",
DROP COLUMN "metric",
ADD COLUMN     "times_to_first_token" DECIMAL NOT NULL,
ADD COLUMN     "token_rates" DECIMAL NOT NULL,
ADD CONSTRAINT "usage_histograms_pkey" PRIMARY KEY ("bucket_start", "project_id", "api_key_id", "model");

INSERT INTO usage_histograms (bucket_start, project_id, api_key_id, model, times_to_first_token, token_rates)
SELECT bucket_start, project_id, api_key_id, model, times_to_first_token, token_rates FROM packed;

DROP FUNCTION sluice_bins(usage_records);
DROP FUNCTION sluice_bin(double precision);

-- DropEnum
DROP TYPE "usage_metric";

-- Adds a new record to the roll-up and the histograms of its quarter of an hour.
CREATE FUNCTION sluice_roll_up(p_record usage_records)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  v_bucket CONSTANT timestamptz := date_bin('15 minutes', p_record.created_at, timestamptz '2000-01-01 00:00:00+00');
BEGIN
  INSERT INTO usage_rollups AS r (
    bucket_start, project_id, api_key_id, model, requests, errors, prompt_tokens, cached_prompt_tokens, completion_tokens, cost
  ) VALUES (
    v_bucket, p_record.project_id, p_record.api_key_id, p_record.model, 1, (p_record.status = 'FAILED')::int,
    p_record.prompt_tokens, p_record.cached_prompt_tokens, p_record.completion_tokens, p_record.cost
  )
  ON CONFLICT (bucket_start, project_id, api_key_id, model) DO UPDATE SET
    requests = r.requests + excluded.requests,
    errors = r.errors + excluded.errors,
    prompt_tokens = r.prompt_tokens + excluded.prompt_tokens,
    cached_prompt_tokens = r.cached_prompt_tokens + excluded.cached_prompt_tokens,
    completion_tokens = r.completion_tokens + excluded.completion_tokens,
    cost = r.cost + excluded.cost;

  INSERT INTO usage_histograms AS h (bucket_start, project_id, api_key_id, model, times_to_first_token, token_rates)
  VALUES (
    v_bucket, p_record.project_id, p_record.api_key_id, p_record.model,
    sluice_histogram(p_record.time_to_first_token_seconds), sluice_histogram(nullif(p_record.tokens_per_second, 0))
  )
  ON CONFLICT (bucket_start, project_id, api_key_id, model) DO UPDATE SET
    times_to_first_token = h.times_to_first_token + excluded.times_to_first_token,
    token_rates = h.token_rates + excluded.token_rates;
END
$$;

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
  v_record usage_records;
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
  )
  RETURNING * INTO v_record;

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

  PERFORM sluice_roll_up(v_record);

  RETURN NEXT v;
END
$$;
