/** Why nobody can be asked here, as the beginning of a sentence; null where somebody can. */
export const whyNobody = (json = false): string | null => {
  if (json) return '--json was given';
  if (process.stdin.isTTY !== true || process.stdout.isTTY !== true) return 'This is not a terminal';
  // Set to whatever, even to nothing: terminals of CI have no person in front of them.
  return process.env.CI === undefined ? null : 'CI is set';
};
