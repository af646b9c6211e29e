import { mayHoldSource } from './source-of-parameter.ts';
import type { Source } from './syntax.ts';

const exact = new RegExp(
  [
    // A parameter, or a global, that is named or typed as a request.
    String.raw`(?<![\w$.])_?req(?:uest)?\s*(?:\?\s*)?[,):=/]|\brequest\s*[?!]?(?:\.\w|\[)|['"]request['"]`,
    String.raw`[:<|&.]\s*(?:\w*Request|IncomingMessage|(?:Koa)?Context|APIGatewayProxyEvent|H3Event|\w*(?:Request|Load)Event|APIContext|(?:Loader|Action)(?:Function)?Args|\w*Cookies|URL|URLSearchParams|FormData|\w*Headers)\b(?!\s*\()`,
    // A handler that is registered with a path, or exported under its method.
    String.raw`\.\s*(?:get|post|put|patch|delete|all|options|head|route)\s*(?:<[^(]*>)?\((?:\s*(?:['"${'`'}](?!http)|[/[(]))|\.\s*use\s*\(`,
    String.raw`\b(?:GET|POST|PUT|PATCH|DELETE)\s*[(=:<]`,
    // The helpers of Next.
    'next/headers',
  ].join('|'),
);

/** A listener of a socket, a token that is only decoded. */
const loose =
  /(?:socket|ws|connection|client|conn)\s*[?!]*\s*\.\s*(?:on|once|addEventListener)\b|jwt_?decode|(?:decode|parse)jwt|decodetoken|(?:jwt|jsonwebtoken|jose)\s*\.\s*decode/i;

/**
 * Whether a value of the file may come from a request, as far as its words tell. Half of a backend is services that are
 * given their values; a rule that follows them from a request has nothing to follow there. The words are those of what
 * flow.ts and origins.ts take for a request.
 */
export function mayReadRequests(source: Source): boolean {
  let known = answers.get(source);
  if (known === undefined) {
    const { text } = source;
    // An OAuth state is read from its parameter, whatever hands it over.
    known =
      exact.test(text) ||
      loose.test(text) ||
      mayHoldSource(source) ||
      (text.includes('JSON.parse') && /state/i.test(text));
    answers.set(source, known);
  }
  return known;
}

const answers = new WeakMap<Source, boolean>();
