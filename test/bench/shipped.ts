/**
 * A module of the product as it is shipped, compiled. A server under measurement uses this: run from source through tsx, every inner
 * function also gets its name at run time, a cost that no user pays.
 */
export async function shipped<Module>(path: string): Promise<Module> {
  return (await import(new URL(`../../dist/${path}.js`, import.meta.url).href)) as Module;
}
