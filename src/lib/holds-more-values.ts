/** Whether lists and objects hold more values, in all, than so many: found out without looking at more than those. */
export function holdsMoreValues(value: unknown, most: number): boolean {
  const open: unknown[] = [value];
  let found = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    const inner: readonly unknown[] = Array.isArray(next) ? next : Object.values(next);
    found += inner.length;
    if (found > most) return true;
    for (const one of inner) if (typeof one === 'object') open.push(one);
  }
  return false;
}
