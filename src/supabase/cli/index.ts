export { advisorChecks, type Finding, readAdvisors } from './advisors.ts';

export { type CliExecutor, type CliExecutorOptions, createCliExecutor, createRegisteringExecutor } from './executor.ts';
export { type CliInfo, cliOfWorkspace, findCli } from './find.ts';
export { historyChecks } from './history-checks.ts';
