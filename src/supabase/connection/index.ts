export { findAuthorities } from './certificates.ts';
export { clientConfig } from './client-config.ts';
export { type Connector, type ConnectorOptions, connector, requireUsable } from './connector.ts';
export { type ConnectionDescription, describeUrl, isLoopback } from './describe.ts';
export { type Inspection, inspectConnection, oldestServer, refusal } from './inspect.ts';
export { type OpenOptions, openConnection } from './open.ts';
export { probePolicyLock } from './policy-lock.ts';
export { detectPoolMode } from './pooler.ts';

export { type ConnectionSource, chooseConnection, connectionSources } from './sources.ts';
export { parseDatabaseUrl } from './url.ts';
