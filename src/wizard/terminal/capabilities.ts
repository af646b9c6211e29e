import { speaksUtf8 } from '../../rollout/text.ts';
import { ascii, type Look, unicode } from '../glyphs.ts';
import type { TerminalOptions } from '../session.ts';

export type Capabilities = {
  readonly look: Look;
  readonly colour: boolean;
  readonly inline: boolean;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** The plain Windows console and the Linux console have few signs in their fonts; Windows Terminal and editors have. */
const fewSigns = (env: Environment, platform: string): boolean => {
  if (env.VOXANNE_ASCII !== undefined) return env.VOXANNE_ASCII === '1';
  if (env.TERM === 'linux' || env.TERM === 'dumb' || !speaksUtf8(env)) return true;
  if (platform !== 'win32') return false;
  return env.WT_SESSION === undefined && env.TERM_PROGRAM === undefined && env.TERM === undefined;
};

/** What the terminal can show, by its environment unless the options say otherwise. */
export const capabilities = (
  options: TerminalOptions,
  env: Environment = process.env,
  platform: string = process.platform,
): Capabilities => {
  // A dumb terminal takes lines and nothing else, which is what a screen reader gets.
  const accessible =
    options.accessible ?? (env.ACCESSIBLE === '1' || env.INK_SCREEN_READER === '1' || env.TERM === 'dumb');
  const noColour = (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb' || env.FORCE_COLOR === '0';
  return {
    look: { glyphs: (options.ascii ?? (accessible || fewSigns(env, platform))) ? ascii : unicode, accessible },
    colour: options.colour ?? !noColour,
    inline: options.inline ?? false,
  };
};
