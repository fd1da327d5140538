-- What a schema cannot say: admission, settlement and forgetting as functions, so that each is one statement: one round trip, one
-- short transaction, and no moment at which another process could see half of it.
--
-- Locks are always taken in this order: completions by their ids, then project's quota, key's quota, roll-up and histogram, these four by
-- project, then key.

-- Two hot rows per request, updated in place; and room beside each completion for its start and its end.
ALTER TABLE quotas SET (fillfactor = 50);
ALTER TABLE completions SET (fillfactor = 70);

-- What the limits of a key and of its project stand at: one row per limit that is set.
-- `reserved` is the part of `used` that settlement may give back; windows that have passed count as unused.
CREATE FUNCTION sluice_limits(p_api_key_id uuid, p_at timestamptz)
RETURNS TABLE (scope text, name text, size bigint, used bigint, reserved bigint, resets_at timestamptz)
LANGUAGE sql STABLE AS $$
  WITH moment AS (
    SELECT (p_at AT TIME ZONE 'UTC')::date AS day,
           date_trunc('month', p_at AT TIME ZONE 'UTC')::date AS month
  ), subject AS (
    SELECT 'PROJECT' AS scope, p.requests_per_minute, p.tokens_per_minute, p.concurrent_completions,
           p.tokens_per_day, p.tokens_per_month, p.cost_per_month, q.*,
           greatest((extract(epoch FROM p_at) * 1000000000)::bigint, q.admitted_nanos) AS nanos
    FROM api_keys k JOIN projects p ON p.id = k.project_id JOIN quotas q ON q.subject_id = p.id
    WHERE k.id = p_api_key_id
    UNION ALL
    SELECT 'API_KEY', k.requests_per_minute, k.tokens_per_minute, k.concurrent_completions,
           k.tokens_per_day, k.tokens_per_month, k.cost_per_month, q.*,
           greatest((extract(epoch FROM p_at) * 1000000000)::bigint, q.admitted_nanos) AS nanos
    FROM api_keys k JOIN quotas q ON q.subject_id = k.id
    WHERE k.id = p_api_key_id
  )
  SELECT s.scope, l.name, l.size, l.used, l.reserved, l.resets_at
  FROM subject s CROSS JOIN moment m CROSS JOIN LATERAL (VALUES
    ('requestsPerMinute', s.requests_per_minute::bigint,
      ceil(greatest(s.requests_arrival_nanos - s.nanos, 0)::numeric * s.requests_per_minute / 60000000000)::bigint, 0::bigint,
      CASE WHEN s.requests_arrival_nanos > s.nanos THEN to_timestamp(s.requests_arrival_nanos / 1000000000.0) END),
    ('tokensPerMinute', s.tokens_per_minute::bigint,
      ceil(greatest(s.tokens_arrival_nanos - s.nanos, 0)::numeric * s.tokens_per_minute / 60000000000)::bigint, 0::bigint,
      CASE WHEN s.tokens_arrival_nanos > s.nanos THEN to_timestamp(s.tokens_arrival_nanos / 1000000000.0) END),
    ('concurrentCompletions', s.concurrent_completions::bigint, s.concurrent::bigint, s.concurrent::bigint, NULL::timestamptz),
    ('tokensPerDay', s.tokens_per_day,
      CASE WHEN s.day >= m.day THEN s.day_tokens_used + s.day_tokens_reserved ELSE 0 END,
      CASE WHEN s.day >= m.day THEN s.day_tokens_reserved ELSE 0 END,
      (greatest(s.day, m.day) + 1)::timestamp AT TIME ZONE 'UTC'),
    ('tokensPerMonth', s.tokens_per_month,
      CASE WHEN s.month >= m.month THEN s.month_tokens_used + s.month_tokens_reserved ELSE 0 END,
      CASE WHEN s.month >= m.month THEN s.month_tokens_reserved ELSE 0 END,
      (greatest(s.month, m.month) + interval '1 month')::timestamp AT TIME ZONE 'UTC'),
    ('costPerMonth', s.cost_per_month,
      CASE WHEN s.month >= m.month THEN s.month_cost_used + s.month_cost_reserved ELSE 0 END,
      CASE WHEN s.month >= m.month THEN s.month_cost_reserved ELSE 0 END,
      (greatest(s.month, m.month) + interval '1 month')::timestamp AT TIME ZONE 'UTC')
  ) AS l (name, size, used, reserved, resets_at)
  WHERE l.size IS NOT NULL
$$;

-- Answers with exactly one row, by `outcome`:
--   admitted      the completion is stored and its worst case reserved; `max_tokens` is what was granted per choice
--   existing      the idempotency key was seen with the same input: `completion_id`
--   conflict      it was seen with another
--   key-inactive  the key or its project is gone, revoked, expired or archived
--   limited       the limit that holds the request up the longest; nothing was changed
CREATE FUNCTION sluice_admit(
  p_id uuid, p_project_id uuid, p_api_key_id uuid, p_model text, p_mode completion_mode, p_user text, p_metadata json,
  p_idempotency_key text, p_input_hash bytea, p_request json, p_n int, p_seed bigint,
  p_prompt_tokens int, p_max_tokens int, p_max_tokens_lowerable boolean,
  p_prompt_nanos bigint, p_completion_nanos bigint, p_keep_content boolean, p_at timestamptz, p_lease_until timestamptz
)
RETURNS TABLE (
  outcome text, completion_id uuid, max_tokens int,
  scope text, name text, size bigint, used bigint, requested bigint, resets_at timestamptz, retry_after_seconds int, never_fits boolean
)
LANGUAGE plpgsql AS $$
DECLARE
  v_minute CONSTANT bigint := 60000000000;
  v_today CONSTANT date := (p_at AT TIME ZONE 'UTC')::date;
  v_this_month CONSTANT date := date_trunc('month', p_at AT TIME ZONE 'UTC')::date;
  v_names CONSTANT text[] := ARRAY[
    'requestsPerMinute', 'tokensPerMinute', 'concurrentCompletions', 'tokensPerDay', 'tokensPerMonth', 'costPerMonth'];
  v record;
  v_quota quotas;
  v_seen record;
  v_size bigint;
  v_used bigint;
  v_reserved bigint;
  v_resets timestamptz;
  v_fixed bigint;
  v_per_max_token bigint;
  v_needed bigint;
  v_wait int;
  v_least bigint;
  v_granted bigint := p_max_tokens;
  v_tokens bigint;
  v_cost bigint;
  v_project_nanos bigint;
  v_project_end bigint;
  v_key_nanos bigint;
  v_key_end bigint;
BEGIN
  -- From here on the project's admissions and settlements come one by one, and each statement below sees what those before left.
  SELECT
    p.archived_at IS NULL AND k.project_id = p.id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > p_at) AS active,
    ARRAY[
      p.requests_per_minute, p.tokens_per_minute, p.concurrent_completions, p.tokens_per_day, p.tokens_per_month, p.cost_per_month,
      k.requests_per_minute, k.tokens_per_minute, k.concurrent_completions, k.tokens_per_day, k.tokens_per_month, k.cost_per_month
    ] AS sizes,
    pq AS project_quota,
    kq AS key_quota,
    -- A request that was under way at midnight may find the window already turned by a later one: it joins that.
    greatest(v_today, pq.day, kq.day) AS day,
    greatest(v_this_month, pq.month, kq.month) AS month,
    -- And for the buckets, it comes at the same moment as one that was made later and came before it.
    greatest((extract(epoch FROM p_at) * 1000000000)::bigint, pq.admitted_nanos, kq.admitted_nanos) AS nanos
  INTO v
  FROM quotas pq JOIN projects p ON p.id = pq.subject_id, quotas kq JOIN api_keys k ON k.id = kq.subject_id
  WHERE pq.subject_id = p_project_id AND kq.subject_id = p_api_key_id
  FOR UPDATE OF pq, kq;

  IF v.active IS NOT TRUE THEN
    outcome := 'key-inactive';
    RETURN NEXT;
    RETURN;
  END IF;

  -- Sent again because the answer was lost on the way.
  SELECT c.id, c.max_tokens INTO v_seen FROM completions c WHERE c.id = p_id;
  IF FOUND THEN
    outcome := 'admitted';
    completion_id := v_seen.id;
    max_tokens := v_seen.max_tokens;
    RETURN NEXT;
    RETURN;
  END IF;

  IF p_idempotency_key IS NOT NULL THEN
    SELECT c.id, c.input_hash INTO v_seen FROM completions c
    WHERE c.api_key_id = p_api_key_id AND c.idempotency_key = p_idempotency_key;
    IF FOUND THEN
      completion_id := v_seen.id;
      outcome := CASE WHEN v_seen.input_hash = p_input_hash THEN 'existing' ELSE 'conflict' END;
      RETURN NEXT;
      RETURN;
    END IF;
  END IF;

  IF cardinality(array_remove(v.sizes, NULL)) > 0 THEN
    v_least := CASE WHEN p_max_tokens_lowerable THEN 1 ELSE p_max_tokens END;
    FOR v_place IN 1..12 LOOP
      v_size := v.sizes[v_place];
      CONTINUE WHEN v_size IS NULL;
      IF v_place <= 6 THEN v_quota := v.project_quota; ELSE v_quota := v.key_quota; END IF;

      -- What is taken, as sluice_limits tells it. A request takes v_fixed + v_per_max_token × its tokens per choice.
      v_reserved := 0;
      v_resets := NULL;
      v_fixed := p_prompt_tokens;
      v_per_max_token := p_n;
      CASE (v_place - 1) % 6
        WHEN 0 THEN
          v_used := ceil(greatest(v_quota.requests_arrival_nanos - v.nanos, 0)::numeric * v_size / v_minute);
          v_resets := to_timestamp(v_quota.requests_arrival_nanos / 1000000000.0);
          v_fixed := 1;
          v_per_max_token := 0;
        WHEN 1 THEN
          v_used := ceil(greatest(v_quota.tokens_arrival_nanos - v.nanos, 0)::numeric * v_size / v_minute);
          v_resets := to_timestamp(v_quota.tokens_arrival_nanos / 1000000000.0);
        WHEN 2 THEN
          v_used := v_quota.concurrent;
          v_reserved := v_quota.concurrent;
          v_fixed := 1;
          v_per_max_token := 0;
        WHEN 3 THEN
          v_reserved := CASE WHEN v_quota.day >= v_today THEN v_quota.day_tokens_reserved ELSE 0 END;
          v_used := CASE WHEN v_quota.day >= v_today THEN v_quota.day_tokens_used ELSE 0 END + v_reserved;
          v_resets := (greatest(v_quota.day, v_today) + 1)::timestamp AT TIME ZONE 'UTC';
        WHEN 4 THEN
          v_reserved := CASE WHEN v_quota.month >= v_this_month THEN v_quota.month_tokens_reserved ELSE 0 END;
          v_used := CASE WHEN v_quota.month >= v_this_month THEN v_quota.month_tokens_used ELSE 0 END + v_reserved;
          v_resets := (greatest(v_quota.month, v_this_month) + interval '1 month')::timestamp AT TIME ZONE 'UTC';
        WHEN 5 THEN
          v_reserved := CASE WHEN v_quota.month >= v_this_month THEN v_quota.month_cost_reserved ELSE 0 END;
          v_used := CASE WHEN v_quota.month >= v_this_month THEN v_quota.month_cost_used ELSE 0 END + v_reserved;
          v_resets := (greatest(v_quota.month, v_this_month) + interval '1 month')::timestamp AT TIME ZONE 'UTC';
          v_fixed := p_prompt_tokens * p_prompt_nanos;
          v_per_max_token := p_n * p_completion_nanos;
      END CASE;

      v_needed := v_fixed + v_per_max_token * v_least;
      IF v_used + v_needed <= v_size THEN
        IF v_per_max_token > 0 THEN
          v_granted := least(v_granted, (v_size - v_used - v_fixed) / v_per_max_token);
        END IF;
        CONTINUE;
      END IF;

      v_wait := greatest(1, ceil(extract(epoch FROM CASE
        -- A bucket has room before it is empty.
        WHEN (v_place - 1) % 6 < 2 AND v_needed <= v_size THEN v_resets - make_interval(secs => 60.0 * (v_size - v_needed) / v_size)
        -- Reservations are in the way, which may be given back at any moment.
        WHEN v_used - v_reserved + v_needed <= v_size THEN p_at
        ELSE coalesce(v_resets, p_at)
      END - p_at)));
      IF outcome IS NULL OR (v_needed > v_size, v_wait) > (never_fits, retry_after_seconds) THEN
        outcome := 'limited';
        scope := CASE WHEN v_place <= 6 THEN 'PROJECT' ELSE 'API_KEY' END;
        name := v_names[(v_place - 1) % 6 + 1];
        size := v_size;
        used := v_used;
        requested := v_needed;
        resets_at := CASE WHEN v_resets > p_at THEN v_resets END;
        retry_after_seconds := v_wait;
        never_fits := v_needed > v_size;
      END IF;
    END LOOP;
  END IF;
  IF outcome IS NOT NULL THEN
    RETURN NEXT;
    RETURN;
  END IF;

  v_tokens := p_prompt_tokens + v_granted * p_n;
  v_cost := p_prompt_tokens * p_prompt_nanos + v_granted * p_n * p_completion_nanos;
  -- Times in a bucket are rounded down when taken and up when given back: a limit of k lets exactly k through.
  IF v.sizes[2] IS NOT NULL THEN
    v_project_nanos := floor(v_tokens::numeric * v_minute / v.sizes[2]);
    v_project_end := greatest((v.project_quota).tokens_arrival_nanos, v.nanos) + v_project_nanos;
  END IF;
  IF v.sizes[8] IS NOT NULL THEN
    v_key_nanos := floor(v_tokens::numeric * v_minute / v.sizes[8]);
    v_key_end := greatest((v.key_quota).tokens_arrival_nanos, v.nanos) + v_key_nanos;
  END IF;

  UPDATE quotas q SET
    admitted_nanos = v.nanos,
    requests_arrival_nanos = coalesce(
      greatest(q.requests_arrival_nanos, v.nanos) + v_minute / s.requests_per_minute, q.requests_arrival_nanos),
    tokens_arrival_nanos = coalesce(s.bucket_end, q.tokens_arrival_nanos),
    concurrent = q.concurrent + 1,
    day = v.day,
    day_tokens_used = CASE WHEN q.day = v.day THEN q.day_tokens_used ELSE 0 END,
    day_tokens_reserved = CASE WHEN q.day = v.day THEN q.day_tokens_reserved ELSE 0 END + v_tokens,
    month = v.month,
    month_tokens_used = CASE WHEN q.month = v.month THEN q.month_tokens_used ELSE 0 END,
    month_tokens_reserved = CASE WHEN q.month = v.month THEN q.month_tokens_reserved ELSE 0 END + v_tokens,
    month_cost_used = CASE WHEN q.month = v.month THEN q.month_cost_used ELSE 0 END,
    month_cost_reserved = CASE WHEN q.month = v.month THEN q.month_cost_reserved ELSE 0 END + v_cost
  FROM (VALUES (p_project_id, v.sizes[1], v_project_end), (p_api_key_id, v.sizes[7], v_key_end))
    AS s (subject_id, requests_per_minute, bucket_end)
  WHERE q.subject_id = s.subject_id;

  INSERT INTO completions (
    id, project_id, api_key_id, model, mode, status, "user", metadata, idempotency_key, input_hash, max_tokens, n, seed, prompt_tokens,
    prompt_nanos_per_token, completion_nanos_per_token, request, choices, keep_content, created_at, lease_until,
    reserved_tokens, reserved_cost, reserved_day, reserved_month,
    project_bucket_nanos, project_bucket_end, key_bucket_nanos, key_bucket_end
  ) VALUES (
    p_id, p_project_id, p_api_key_id, p_model, p_mode, 'QUEUED', p_user, p_metadata, p_idempotency_key, p_input_hash, v_granted, p_n, p_seed,
    p_prompt_tokens, p_prompt_nanos, p_completion_nanos, p_request, '[]', p_keep_content, p_at, p_lease_until,
    v_tokens, v_cost, v.day, v.month,
    v_project_nanos, v_project_end, v_key_nanos, v_key_end
  );

  outcome := 'admitted';
  completion_id := p_id;
  max_tokens := v_granted;
  RETURN NEXT;
END
$$;

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
CREATE FUNCTION sluice_settle(
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
  DELETE FROM checkpoints WHERE completion_id = p_id;

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

-- Forgets what is not to be kept for ever of completions that ended: their content (metadata included), or their idempotency keys. Goes through the
-- completions once, oldest first (ids grow with time), a batch per call; how far it has come is kept in `instance`. It never passes a
-- completion that is too young or has not ended. Answers how many it went through: fewer than the limit means that is all for now.
CREATE FUNCTION sluice_forget(p_what text, p_before timestamptz, p_limit int)
RETURNS int
LANGUAGE plpgsql AS $$
DECLARE
  v_name CONSTANT text := 'forgotten-' || p_what;
  v_after uuid;
  v_last uuid;
  v_count int;
BEGIN
  INSERT INTO instance (name, value) VALUES (v_name, '00000000-0000-0000-0000-000000000000') ON CONFLICT DO NOTHING;
  -- One process at a time; the others find nothing left.
  SELECT value::uuid INTO v_after FROM instance WHERE name = v_name FOR UPDATE;

  WITH batch AS (
    SELECT id, created_at < p_before AND status NOT IN ('QUEUED', 'RUNNING') AS is_due
    FROM completions WHERE id > v_after ORDER BY id LIMIT p_limit
  ), due AS (
    SELECT id FROM batch b WHERE NOT EXISTS (SELECT FROM batch e WHERE NOT e.is_due AND e.id <= b.id)
  )
  SELECT count(*), (SELECT id FROM due ORDER BY id DESC LIMIT 1) INTO v_count, v_last FROM due;
  IF v_count = 0 THEN
    RETURN 0;
  END IF;

  IF p_what = 'content' THEN
    UPDATE completions SET request = NULL, choices = NULL, text_index = NULL, metadata = 'null'
    WHERE id > v_after AND id <= v_last
      AND (request IS NOT NULL OR choices IS NOT NULL OR text_index IS NOT NULL OR metadata::text <> 'null');
  ELSE
    UPDATE completions SET idempotency_key = NULL WHERE id > v_after AND id <= v_last AND idempotency_key IS NOT NULL;
  END IF;
  UPDATE instance SET value = v_last WHERE name = v_name;
  RETURN v_count;
END
$$;
