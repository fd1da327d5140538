/** Every GraphQL document that the command line sends. */

const userError = '... on UserError { __typename code message }';

const completionFields = /* GraphQL */ `
  fragment CompletionFields on Completion {
    id
    status
    model
    createdAt
    finishedAt
    error { code message }
    choices { index text finishReason stopSequence }
    usage { promptTokens cachedPromptTokens completionTokens totalTokens cost }
    timings { queueSeconds timeToFirstTokenSeconds tokensPerSecond durationSeconds }
  }
`;

export const createCompletion = /* GraphQL */ `
  mutation CreateCompletion($input: CreateCompletionInput!) {
    createCompletion(input: $input) {
      ... on CreateCompletionPayload { __typename completion { id model } }
      ${userError}
    }
  }
`;

export const cancelCompletion = /* GraphQL */ `
  mutation CancelCompletion($input: CancelCompletionInput!) {
    cancelCompletion(input: $input) { __typename }
  }
`;

export const completionEvents = /* GraphQL */ `
  subscription CompletionEvents($id: ID!, $after: Int!) {
    completionEvents(id: $id, after: $after) {
      __typename
      seq
      ... on CompletionQueued { position }
      ... on CompletionDelta { text }
      ... on CompletionFinished { completion { ...CompletionFields } }
      ... on CompletionFailed { completion { ...CompletionFields } }
      ... on CompletionCancelled { completion { ...CompletionFields } }
    }
  }
  ${completionFields}
`;

const modelFields = /* GraphQL */ `
  fragment ModelFields on Model { name aliases status contextSize defaultMaxTokens slots error }
`;

export const models = /* GraphQL */ `
  query Models {
    models { ...ModelFields }
  }
  ${modelFields}
`;

export const loadModel = /* GraphQL */ `
  mutation LoadModel($input: LoadModelInput!) {
    loadModel(input: $input) {
      ... on LoadModelPayload { __typename model { ...ModelFields } }
      ${userError}
    }
  }
  ${modelFields}
`;

export const unloadModel = /* GraphQL */ `
  mutation UnloadModel($input: UnloadModelInput!) {
    unloadModel(input: $input) {
      ... on UnloadModelPayload { __typename model { ...ModelFields } }
      ${userError}
    }
  }
  ${modelFields}
`;

const apiKeyFields = /* GraphQL */ `
  fragment ApiKeyFields on ApiKey { id name hint scopes models createdAt expiresAt revokedAt lastUsedAt }
`;

export const createApiKey = /* GraphQL */ `
  mutation CreateApiKey($input: CreateApiKeyInput!) {
    createApiKey(input: $input) {
      ... on CreateApiKeyPayload { __typename apiKey { ...ApiKeyFields } secret }
      ${userError}
    }
  }
  ${apiKeyFields}
`;

export const apiKeys = /* GraphQL */ `
  query ApiKeys($after: String) {
    apiKeys(first: 100, after: $after) {
      edges { node { ...ApiKeyFields } }
      pageInfo { hasNextPage endCursor }
    }
  }
  ${apiKeyFields}
`;

export const revokeApiKey = /* GraphQL */ `
  mutation RevokeApiKey($input: RevokeApiKeyInput!) {
    revokeApiKey(input: $input) {
      ... on RevokeApiKeyPayload { __typename apiKey { ...ApiKeyFields } }
      ${userError}
    }
  }
  ${apiKeyFields}
`;

export const usage = /* GraphQL */ `
  query Usage($input: UsageInput!) {
    usage(input: $input) {
      currency
      buckets {
        start
        project { id name }
        apiKeyId
        apiKey { name }
        model
        user
        requests
        errors
        promptTokens
        cachedPromptTokens
        completionTokens
        totalTokens
        cost
        timeToFirstTokenSeconds { p50 p95 }
        tokensPerSecond { p50 p95 }
      }
    }
  }
`;

export const usageRecords = /* GraphQL */ `
  query UsageRecords($apiKeyId: ID!) {
    usageRecords(first: 1, filter: { apiKeyId: $apiKeyId }) {
      edges {
        node {
          id
          model
          finishReason
          usage { promptTokens cachedPromptTokens completionTokens totalTokens cost }
          timings { queueSeconds timeToFirstTokenSeconds tokensPerSecond durationSeconds }
        }
      }
    }
  }
`;
