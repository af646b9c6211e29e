import { sessionPoolerAdvice } from './advice.ts';
import type { ErrorContext, ErrorFacts } from './facts.ts';
import type { Sentence } from './sentence.ts';

/** Sentences for errors that the server or a pooler sent with an SQLSTATE. */
/** `excerpt`: the statement is shown, so that a sentence may point at it. */
export function sqlstateSentence(facts: ErrorFacts, context: ErrorContext, excerpt: boolean): Sentence {
  return poolerSentence(facts, context) ?? signInSentence(facts, context) ?? runningSentence(facts, context, excerpt);
}

/** What poolers send in place of the server, mostly under XX000 and 08P01. */
function poolerSentence({ message }: ErrorFacts, { connection }: ErrorContext): Sentence | null {
  const user = connection?.user ?? 'the user';
  if (/tenant or user not found|tenant\/user .* not found/i.test(message)) {
    return {
      problem: `The pooler knows no project for ${user}.`,
      remedy: `Behind the pooler the user is postgres.PROJECT-REF and the host is that of the project’s region: ${lower(sessionPoolerAdvice)}; check that the project is not paused.`,
      connection: true,
    };
  }
  if (/max clients reached|MaxClientsInSessionMode|no more connections allowed/i.test(message)) {
    return {
      problem: 'The pooler has no free connection.',
      remedy: 'Close other sessions or raise the pool size in the dashboard, then try again; a rollout needs four.',
      connection: true,
    };
  }
  if (/unsupported startup parameter/i.test(message)) {
    return {
      problem: 'The pooler refuses a setting in the connection string.',
      remedy: 'Remove options and other settings from the connection string.',
      connection: true,
    };
  }
  if (/query_wait_timeout|client_login_timeout|circuit breaker|server login has been retrying/i.test(message)) {
    return {
      problem: 'The pooler could not reach or sign in to the server behind it.',
      remedy: 'Check the password, and that the server is running; wait a minute, then try again.',
      connection: true,
    };
  }
  if (/^SSL required|ssl connection is required|SSL is required/i.test(message)) return tlsRequired;
  return null;
}

const tlsRequired: Sentence = {
  problem: 'The server accepts encrypted connections only.',
  remedy: 'Remove sslmode=disable from the connection string and --allow-plaintext from the command line.',
  connection: true,
};

function signInSentence({ sqlstate, message }: ErrorFacts, { connection }: ErrorContext): Sentence | null {
  const user = connection?.user ?? 'this user';
  switch (sqlstate) {
    case '28P01':
      return {
        problem: `The password of ${user} is incorrect.`,
        remedy:
          'Check the connection string; special characters are percent-encoded, and the dashboard (Database, Settings) sets a new password.',
        connection: true,
      };
    case '28000':
      if (/no encryption|SSL off/i.test(message)) return tlsRequired;
      return {
        problem: `The server does not accept ${user} from this address.`,
        remedy: 'Check the user name and the network restrictions of the project.',
        connection: true,
      };
    case '3D000':
      return {
        problem: `There is no database ${connection?.database ?? 'of that name'} on this server.`,
        remedy: 'Correct the name at the end of the connection string; on Supabase it is postgres.',
        connection: true,
      };
    case '53300':
      return {
        problem: 'The server has no free connection.',
        remedy: 'Close other sessions or try again at a quieter moment; a rollout needs four.',
        connection: true,
      };
    case '57P03':
      return {
        problem: 'The server is starting, stopping or recovering, and accepts no connections yet.',
        remedy: 'Wait until it is up, then run the same command again.',
        connection: true,
      };
    default:
      return null;
  }
}

function runningSentence(facts: ErrorFacts, { connection, connecting }: ErrorContext, excerpt: boolean): Sentence {
  const { sqlstate, message, hint } = facts;
  const again =
    'Run the same command again: it looks at the database first and finishes or rolls back what was interrupted.';
  switch (sqlstate) {
    case '57P01':
    case '57P02':
    case '57P05':
      return {
        problem: `The server ended the connection${sqlstate === '57P02' ? ' after a crash' : ''}: ${message}.`,
        remedy: again,
        kind: 'outside',
        connection: connecting === true,
      };
    case '25P03':
    case '25P04':
      return { problem: 'The server ended a transaction that was open for too long.', remedy: again, kind: 'outside' };
    case '25006':
      return {
        problem: 'This server only allows reading: it is a replica, or the project is in read-only mode.',
        remedy:
          'Use the connection string of the primary database; a project that ran out of disk becomes writable again in its dashboard.',
      };
    case '53100':
      return {
        problem: 'The disk of the database server is full.',
        remedy: 'Free some space or enlarge the disk in the dashboard, then run the same command again.',
      };
    case '53200':
      return {
        problem: 'The database server ran out of memory.',
        remedy: 'Try again at a quieter moment, with a smaller --batch-size if rows were being filled.',
      };
    case '55P03':
      return {
        problem: `A lock could not be acquired in time: ${message}.`,
        remedy: 'Try again at a quieter moment, or raise --patience.',
      };
    case '40P01':
    case '40001':
      return {
        problem: 'The change conflicted with another transaction, and the server rolled it back.',
        remedy: 'Nothing of it was done; run the same command again.',
      };
    case '57014':
      return /statement timeout/i.test(message)
        ? {
            problem: 'A statement ran longer than the statement timeout and was ended.',
            remedy: 'Raise --statement-timeout, or try again at a quieter moment.',
          }
        : {
            problem: 'The statement was cancelled on the server.',
            remedy: 'Nothing of it was done; run the same command again when you are ready.',
          };
    case '42501':
      return {
        problem: `${connection?.user ?? 'The role'} may not do this: ${message}.`,
        remedy:
          'Connect as the role postgres of the project, which owns the app’s tables; voxanne-rollout doctor lists what is missing.',
      };
    case '42601':
      return {
        problem: `PostgreSQL cannot parse a statement: ${message}.`,
        remedy: `Please report this${excerpt ? ' with the excerpt' : ''}; nothing of it was done.`,
        kind: 'defect',
      };
    default:
      break;
  }
  if (sqlstate.startsWith('08')) {
    return {
      problem: `The connection to the server failed: ${message}.`,
      remedy: connecting === true ? 'Check the host and port, and that the server is running.' : again,
      kind: 'outside',
      connection: connecting === true,
    };
  }
  return {
    problem: `PostgreSQL refused ${connecting === true ? 'the connection' : 'a statement'}: ${message} (SQLSTATE ${sqlstate}).`,
    remedy: hint === '' ? nothingDone(excerpt) : endWithStop(hint),
    kind: sqlstate.startsWith('XX') || sqlstate.startsWith('58') ? 'outside' : 'operator',
    connection: connecting === true,
  };
}

/** Of a statement that nobody kept there is nothing to look at. */
const nothingDone = (excerpt: boolean): string =>
  excerpt ? 'The excerpt shows where; nothing of that statement was done.' : 'Nothing of that statement was done.';

function lower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function endWithStop(text: string): string {
  return /[.!?]$/.test(text.trim()) ? text.trim() : `${text.trim()}.`;
}
