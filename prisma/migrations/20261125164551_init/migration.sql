-- CreateEnum
CREATE TYPE "scope" AS ENUM ('COMPLETIONS', 'EMBEDDINGS', 'MODELS_READ', 'USAGE_READ', 'ADMIN');

-- CreateEnum
CREATE TYPE "completion_status" AS ENUM ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED');

-- CreateEnum
CREATE TYPE "completion_mode" AS ENUM ('WAIT', 'STREAM', 'BACKGROUND');

-- CreateTable
CREATE TABLE "projects" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "requests_per_minute" INTEGER,
    "tokens_per_minute" INTEGER,
    "concurrent_completions" INTEGER,
    "tokens_per_day" BIGINT,
    "tokens_per_month" BIGINT,
    "cost_per_month" BIGINT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "archived_at" TIMESTAMPTZ(3),

    CONSTRAINT "projects_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "hint" TEXT NOT NULL,
    "previous_hash" BYTEA,
    "previous_expires_at" TIMESTAMPTZ(3),
    "scopes" "scope"[],
    "models" TEXT[],
    "all_models" BOOLEAN NOT NULL,
    "requests_per_minute" INTEGER,
    "tokens_per_minute" INTEGER,
    "concurrent_completions" INTEGER,
    "tokens_per_day" BIGINT,
    "tokens_per_month" BIGINT,
    "cost_per_month" BIGINT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "quotas" (
    "subject_id" UUID NOT NULL,
    "admitted_nanos" BIGINT NOT NULL DEFAULT 0,
    "requests_arrival_nanos" BIGINT NOT NULL DEFAULT 0,
    "tokens_arrival_nanos" BIGINT NOT NULL DEFAULT 0,
    "concurrent" INTEGER NOT NULL DEFAULT 0,
    "day" DATE NOT NULL DEFAULT '1970-01-01'::date,
    "day_tokens_used" BIGINT NOT NULL DEFAULT 0,
    "day_tokens_reserved" BIGINT NOT NULL DEFAULT 0,
    "month" DATE NOT NULL DEFAULT '1970-01-01'::date,
    "month_tokens_used" BIGINT NOT NULL DEFAULT 0,
    "month_tokens_reserved" BIGINT NOT NULL DEFAULT 0,
    "month_cost_used" BIGINT NOT NULL DEFAULT 0,
    "month_cost_reserved" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "quotas_pkey" PRIMARY KEY ("subject_id")
);

-- CreateTable
CREATE TABLE "completions" (
    "id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "api_key_id" UUID NOT NULL,
    "model" TEXT NOT NULL,
    "mode" "completion_mode" NOT NULL,
    "status" "completion_status" NOT NULL,
    "user" TEXT,
    "metadata" JSON NOT NULL,
    "idempotency_key" TEXT,
    "input_hash" BYTEA NOT NULL,
    "max_tokens" INTEGER NOT NULL,
    "n" INTEGER NOT NULL,
    "seed" BIGINT NOT NULL,
    "prompt_tokens" INTEGER NOT NULL,
    "used_prompt_tokens" INTEGER NOT NULL DEFAULT 0,
    "cached_prompt_tokens" INTEGER NOT NULL DEFAULT 0,
    "completion_tokens" INTEGER NOT NULL DEFAULT 0,
    "prompt_nanos_per_token" BIGINT NOT NULL,
    "completion_nanos_per_token" BIGINT NOT NULL,
    "cost" BIGINT,
    "request" JSON,
    "choices" JSON,
    "text_index" BYTEA,
    "keep_content" BOOLEAN NOT NULL,
    "error" JSON,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "started_at" TIMESTAMPTZ(3),
    "first_token_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "epoch" INTEGER NOT NULL DEFAULT 0,
    "last_seq" INTEGER NOT NULL DEFAULT 0,
    "lease_until" TIMESTAMPTZ(3),
    "reserved_tokens" BIGINT NOT NULL,
    "reserved_cost" BIGINT NOT NULL,
    "reserved_day" DATE NOT NULL,
    "reserved_month" DATE NOT NULL,
    "project_bucket_nanos" BIGINT,
    "project_bucket_end" BIGINT,
    "key_bucket_nanos" BIGINT,
    "key_bucket_end" BIGINT,

    CONSTRAINT "completions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "checkpoints" (
    "completion_id" UUID NOT NULL,
    "after_seq" INTEGER NOT NULL,
    "choices" JSON NOT NULL,
    "text_index" BYTEA NOT NULL,
    "used_prompt_tokens" INTEGER NOT NULL,
    "cached_prompt_tokens" INTEGER NOT NULL,
    "completion_tokens" INTEGER NOT NULL,
    "first_token_at" TIMESTAMPTZ(3),
    "reserved_seq" INTEGER NOT NULL,

    CONSTRAINT "checkpoints_pkey" PRIMARY KEY ("completion_id","after_seq")
);

-- CreateTable
CREATE TABLE "usage_records" (
    "id" UUID NOT NULL,
    "completion_id" UUID NOT NULL,
    "project_id" UUID NOT NULL,
    "api_key_id" UUID NOT NULL,
    "model" TEXT NOT NULL,
    "user" TEXT,
    "status" "completion_status" NOT NULL,
    "finish_reason" TEXT,
    "error_code" TEXT,
    "prompt_tokens" INTEGER NOT NULL,
    "cached_prompt_tokens" INTEGER NOT NULL,
    "completion_tokens" INTEGER NOT NULL,
    "cost" BIGINT NOT NULL,
    "prompt_nanos_per_token" BIGINT NOT NULL,
    "completion_nanos_per_token" BIGINT NOT NULL,
    "queue_seconds" DOUBLE PRECISION NOT NULL,
    "time_to_first_token_seconds" DOUBLE PRECISION,
    "duration_seconds" DOUBLE PRECISION NOT NULL,
    "tokens_per_second" DOUBLE PRECISION,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "usage_records_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "usage_rollups" (
    "bucket_start" TIMESTAMPTZ(3) NOT NULL,
    "project_id" UUID NOT NULL,
    "api_key_id" UUID NOT NULL,
    "model" TEXT NOT NULL,
    "requests" BIGINT NOT NULL,
    "errors" BIGINT NOT NULL,
    "prompt_tokens" BIGINT NOT NULL,
    "cached_prompt_tokens" BIGINT NOT NULL,
    "completion_tokens" BIGINT NOT NULL,
    "cost" BIGINT NOT NULL,

    CONSTRAINT "usage_rollups_pkey" PRIMARY KEY ("bucket_start","project_id","api_key_id","model")
);

-- CreateTable
CREATE TABLE "usage_histograms" (
    "bucket_start" TIMESTAMPTZ(3) NOT NULL,
    "project_id" UUID NOT NULL,
    "api_key_id" UUID NOT NULL,
    "model" TEXT NOT NULL,
    "times_to_first_token" DECIMAL NOT NULL,
    "token_rates" DECIMAL NOT NULL,

    CONSTRAINT "usage_histograms_pkey" PRIMARY KEY ("bucket_start","project_id","api_key_id","model")
);

-- CreateTable
CREATE TABLE "audit_events" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor_api_key_id" UUID,
    "action" TEXT NOT NULL,
    "target_id" TEXT NOT NULL,
    "project_id" UUID,
    "before" JSON NOT NULL,
    "after" JSON NOT NULL,

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "instance" (
    "name" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "instance_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE UNIQUE INDEX "projects_name_key" ON "projects"("name");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_hash_key" ON "api_keys"("hash");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_previous_hash_key" ON "api_keys"("previous_hash");

-- CreateIndex
CREATE INDEX "api_keys_project_id_id_idx" ON "api_keys"("project_id", "id");

-- CreateIndex
CREATE INDEX "completions_project_id_id_idx" ON "completions"("project_id", "id");

-- CreateIndex
CREATE INDEX "completions_lease_until_idx" ON "completions"("lease_until");

-- CreateIndex
CREATE UNIQUE INDEX "completions_api_key_id_idempotency_key_key" ON "completions"("api_key_id", "idempotency_key");

-- CreateIndex
CREATE UNIQUE INDEX "usage_records_completion_id_key" ON "usage_records"("completion_id");

-- CreateIndex
CREATE INDEX "usage_records_created_at_id_idx" ON "usage_records"("created_at", "id");

-- CreateIndex
CREATE INDEX "usage_records_project_id_created_at_id_idx" ON "usage_records"("project_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "usage_rollups_project_id_bucket_start_idx" ON "usage_rollups"("project_id", "bucket_start");

-- CreateIndex
CREATE INDEX "usage_histograms_project_id_bucket_start_idx" ON "usage_histograms"("project_id", "bucket_start");

-- CreateIndex
CREATE INDEX "audit_events_project_id_id_idx" ON "audit_events"("project_id", "id");

-- CreateIndex
CREATE INDEX "audit_events_action_id_idx" ON "audit_events"("action", "id");

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
