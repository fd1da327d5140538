/**
 * Text that cannot steer a terminal: escape sequences and other control characters are removed, line breaks and tabs kept. What a
 * model wrote, or somebody named a key, is no more than text.
 */
export function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu, '');
}
