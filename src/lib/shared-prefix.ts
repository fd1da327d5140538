/** How many items of the two agree from the start on, of the second from its item `from` on. */
export function sharedPrefix(one: readonly number[], other: readonly number[], from = 0): number {
  const most = Math.min(one.length, other.length - from);
  let shared = 0;
  while (shared < most && one[shared] === other[from + shared]) shared += 1;
  return shared;
}
