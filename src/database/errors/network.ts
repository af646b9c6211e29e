import { certificateAdvice, sessionPoolerAdvice } from './advice.ts';
import type { ErrorContext, ErrorFacts } from './facts.ts';
import type { Sentence } from './sentence.ts';

/** Sentences for errors of the network, of TLS and of `pg` itself; null when the error is none of these. */
export function networkSentence(facts: ErrorFacts, context: ErrorContext): Sentence | null {
  const sentence = byCode(facts, context) ?? byMessage(facts.message, context);
  return sentence === null ? null : { connection: true, ...sentence };
}

function byCode({ code, message }: ErrorFacts, { connection, connecting }: ErrorContext): Sentence | null {
  const where = connection?.label ?? 'the database';
  const host = connection?.host ?? 'the database host';
  switch (code) {
    case 'ECONNREFUSED':
      return {
        problem: `Nothing accepts connections at ${where}.`,
        remedy:
          'Check the host and port, and that the server is running; a paused project is restored in its dashboard.',
      };
    case 'ENOENT': {
      if (!/^connect /.test(message)) return fileMissing(message);
      return {
        problem: `There is no socket for ${where}.`,
        remedy: 'Check the folder, and that the server is running.',
      };
    }
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_NODATA':
      if (connection?.kind === 'direct' || connection?.kind === 'dedicated-pooler') {
        return {
          problem: `${host} has no address that this machine can use: direct hosts of Supabase answer over IPv6 only, and a paused or deleted project has none.`,
          remedy: `${sessionPoolerAdvice}; check that the project is not paused.`,
        };
      }
      return {
        problem: `The host name ${host} cannot be resolved${code === 'EAI_AGAIN' ? ' at the moment' : ''}.`,
        remedy: 'Check its spelling and this machine’s network, then try again.',
      };
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'EADDRNOTAVAIL':
      return connection?.kind === 'direct' || connection?.kind === 'dedicated-pooler'
        ? {
            problem: `${host} is reached over IPv6 only, and this network has no IPv6.`,
            remedy: `${sessionPoolerAdvice}, or buy the IPv4 add-on of the project.`,
          }
        : {
            problem: `There is no network route to ${where}.`,
            remedy: 'Check the network, VPN and firewall of this machine.',
          };
    case 'ETIMEDOUT':
      return /^no answer for /.test(message)
        ? { ...lost(where), problem: `The connection to ${where} went silent: ${message}.` }
        : timeout(where);
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
      return connecting
        ? {
            problem: `${where} closed the connection during sign-in.`,
            remedy: 'Check the port, network restrictions in the dashboard, and that the server is not restarting.',
          }
        : lost(where);
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
    case 'CERT_UNTRUSTED':
      return {
        problem: `The TLS certificate of ${host} is signed by an authority that is not trusted here (${code}).`,
        remedy: `${certificateAdvice}.`,
      };
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return {
        problem: `The TLS certificate of ${host} is issued to another name.`,
        remedy:
          'Connect with the host name on the certificate; if you already do, somebody may be intercepting the connection.',
      };
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return {
        problem: `A TLS certificate of ${host} ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}.`,
        remedy:
          'Check the clock of this machine, then download the current certificate in the dashboard and give it with --ca.',
      };
    case 'ENOSPC':
      return {
        problem: 'The disk of this machine is full.',
        remedy: 'Free some space and run the same command again.',
        connection: false,
      };
    case 'EPROTO':
      return tlsRefused(where);
    default:
      return /^ERR_(?:SSL|TLS)_/.test(code)
        ? { ...tlsRefused(where), problem: `TLS with ${where} failed (${code}).` }
        : null;
  }
}

function byMessage(message: string, { connection, connecting }: ErrorContext): Sentence | null {
  const where = connection?.label ?? 'the database';
  if (/server does not support SSL/i.test(message)) return tlsRefused(where);
  if (/error establishing an SSL connection|wrong version number/i.test(message)) return tlsRefused(where);
  if (/timeout expired|connection timeout|query read timeout/i.test(message)) return timeout(where);
  if (/client password must be a (?:non-empty )?string|Password must be a string/.test(message)) {
    return {
      problem: `${where} asks for a password, and none was given.`,
      remedy: 'Put it into the connection string, or export SUPABASE_DB_PASSWORD.',
    };
  }
  if (/Connection terminated|connection error and is not queryable|closed and is not queryable/i.test(message)) {
    return connecting
      ? {
          problem: `${where} closed the connection during sign-in.`,
          remedy: 'Check the port, network restrictions in the dashboard, and that the server is not restarting.',
        }
      : lost(where);
  }
  if (/^Received unexpected \w+ message from backend/.test(message)) {
    return {
      ...lost(where),
      problem: `${where} sent an answer that nobody had asked for, and the connection was closed.`,
    };
  }
  if (/^(?:received invalid response|Unknown authenticationOk message type)/i.test(message)) {
    return {
      problem: `${where} does not answer like PostgreSQL, or asks for a sign-in method that is not supported.`,
      remedy: 'Check that host and port belong to a PostgreSQL server that accepts a password.',
    };
  }
  if (/^SASL[: ]/.test(message)) {
    return {
      problem: `Signing in to ${where} failed: the server’s answer is not the expected one.`,
      remedy: 'Check that host and port belong to a PostgreSQL server and that the password is right.',
    };
  }
  return null;
}

/** A file of the workspace or of this package: `ENOENT: no such file or directory, open '/app/x.ts'`. */
function fileMissing(message: string): Sentence {
  const path = /'([^']+)'/.exec(message)?.[1];
  return {
    problem: path === undefined ? `A file is missing: ${message}.` : `The file ${path} is missing.`,
    remedy: 'Restore it; if it belongs to voxanne-rollout, install voxanne-rollout again.',
    kind: 'outside',
    connection: false,
  };
}

function timeout(where: string): Sentence {
  return {
    problem: `${where} did not answer in time.`,
    remedy:
      'Check host, port, firewall and the network restrictions of the project, and that the project is not paused.',
  };
}

function lost(where: string): Sentence {
  return {
    problem: `The connection to ${where} was lost.`,
    remedy:
      'Run the same command again: it looks at the database first and finishes or rolls back what was interrupted.',
    kind: 'outside',
    connection: false,
  };
}

function tlsRefused(where: string): Sentence {
  return {
    problem: `${where} does not offer an encrypted connection.`,
    remedy: 'Check host and port; if the network in between is yours, add --allow-plaintext.',
  };
}
