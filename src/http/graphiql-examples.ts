/** What GraphiQL opens with: one example of each kind of operation. */
export const exampleOperations = `# Sluice: a query, a mutation and a subscription to start from.
#
# Put your API key into the Headers tab below:   { "Authorization": "Bearer slc_…" }

query Models {
  viewer {
    apiKey { name scopes }
  }
  models { name aliases status contextSize }
}

mutation Create {
  createCompletion(
    input: {
      model: "default"
      mode: STREAM
      messages: [{ role: USER, content: "Write a short article about artificial intelligence" }]
    }
  ) {
    ... on CreateCompletionPayload { completion { id status } }
    ... on UserError { code message }
  }
}

# Paste the id that the mutation answered with into the Variables tab:   { "id": "…" }
# Close the tab and come back: the same events are replayed. With "after", only what you have not seen.
subscription Follow($id: ID!, $after: Int) {
  completionEvents(id: $id, after: $after) {
    seq
    ... on CompletionDelta { text }
    ... on CompletionFinished { completion { status usage { promptTokens completionTokens } } }
    ... on CompletionFailed { error { code message } }
  }
}
`;
