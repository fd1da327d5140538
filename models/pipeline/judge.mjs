// What counts as a good answer: used by the evaluation and by the tests.

const finds = (pattern, text) => new RegExp(pattern, 'iu').test(text);

function inLanguage(text, language) {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  const chinese = text.match(/\p{Script=Han}/gu)?.length ?? 0;
  return language === 'zh' ? chinese >= 0.6 * letters : chinese === 0;
}

function repeats(text) {
  const sentences = text
    .split(/[.!?。！？\n]+/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence.length >= 10);
  return new Set(sentences).size < sentences.length;
}

/** Whether an answer keeps the rules of acceptance.json: those for every answer, and its prompt's own. */
export function acceptable({ text, ended }, rule) {
  return (
    ended &&
    !/\uFFFD|<\|/.test(text) &&
    inLanguage(text, rule.language) &&
    !repeats(text) &&
    text.length >= rule.minimum &&
    text.length <= rule.maximum &&
    rule.match.every((pattern) => finds(pattern, text)) &&
    !rule.reject.some((pattern) => finds(pattern, text))
  );
}

/** Whether an answer to a held-out item ends by itself and is right. */
export function right({ text, ended }, item) {
  if (!ended) return false;
  return item.equals ? item.equals.includes(text) : item.match.every((pattern) => finds(pattern, text));
}
