/** Settings pages and their parts, by their paths. */
export function isSettingsFile(path: string): boolean {
  return (
    /\.[jt]sx$/.test(path) &&
    /(?:^|\/)(?:settings?|organi[sz]ation|preferences)(?:[/.]|Page)|Settings\w*\.[jt]sx$|(?:^|\/)settings-/i.test(path)
  );
}
