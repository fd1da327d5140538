/**
 * Identifiers. All are UUIDv7 strings, made by us, so that they sort by creation time; the brands keep one noun's
 * id from standing in for another's. Faces show them as opaque global ids and never parse them.
 */
declare const brand: unique symbol;
export type Id<Noun extends string> = string & { readonly [brand]: Noun };

export type ProjectId = Id<'Project'>;
export type ApiKeyId = Id<'ApiKey'>;
export type CompletionId = Id<'Completion'>;
export type UsageRecordId = Id<'UsageRecord'>;
export type AuditEventId = Id<'AuditEvent'>;
