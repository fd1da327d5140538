-- Forgets what is not to be kept for ever of completions that ended: their content (metadata included), or their idempotency keys. Goes through the
-- completions once, oldest first (ids grow with time), a batch per call; how far it has come is kept in `instance`. It never passes a
-- completion that is too young or has not ended. Answers how many it went through: fewer than the limit means that is all for now.
CREATE OR REPLACE FUNCTION sluice_forget(p_what text, p_before timestamptz, p_limit int)
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

-- What was forgotten before this took metadata along.
UPDATE completions SET metadata = 'null'
WHERE id <= (SELECT value::uuid FROM instance WHERE name = 'forgotten-content') AND metadata::text <> 'null';
