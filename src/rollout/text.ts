// Numbers, times and lists in words: the one place where they are made, so that they read the same everywhere.

/** `0.2 s`, `14 s`, `3 min 05 s`. */
export const duration = (milliseconds: number): string => {
  if (milliseconds < 1) return '0 ms';
  if (Math.round(milliseconds) < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (Math.round(seconds) < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
};

/** What runs still, in whole seconds from the second one on: a clock that people watch, not a measurement. */
export const seconds = (milliseconds: number): string =>
  milliseconds < 1000 ? '' : duration(Math.floor(milliseconds / 1000) * 1000).replace('.0 s', ' s');

/** `812 bytes`, `34 MB`. */
export const bytes = (value: number): string => {
  if (value < 1024) return plural(value, 'byte');
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.floor(Math.log(value) / Math.log(1024)));
  const scaled = value / 1024 ** power;
  return `${scaled < 10 ? scaled.toFixed(1) : Math.round(scaled)} ${units[power - 1]}`;
};

/** `12,345`, the same in every locale, so that two people read the same screen. */
export const count = (value: number): string => String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, ',');

/** `1 change`, `2 changes`. */
export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;

/** Whether a terminal with these variables shows more than ASCII. Without any of them nothing is known, and most do. */
export function speaksUtf8(env: Readonly<Record<string, string | undefined>>): boolean {
  // POSIX: the first of these that is set and not empty decides about characters.
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG;
  return locale === undefined || locale === '' || /utf-?8/i.test(locale);
}

/** What a change does that waits for others: its tries are counted, or it waits in one. */
export const tryText = (attempt: number | null): string => (attempt === null ? 'waiting' : `try ${attempt}`);
