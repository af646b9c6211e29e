import { createServer } from 'node:http';
import cors from 'cors';
import express, { type NextFunction, type Request, type Response } from 'express';
import { env } from './config/env';
import { accountRouter } from './routes/account';
import { agentsRouter } from './routes/agents';
import { analyticsRouter } from './routes/analytics';
import { appointmentsRouter } from './routes/appointments';
import { assistantsRouter } from './routes/assistants';
import { billingRouter } from './routes/billing';
import { callsRouter } from './routes/calls';
import { contactsRouter } from './routes/contacts';
import { dashboardRouter } from './routes/dashboard';
import { googleOauthRouter } from './routes/google-oauth';
import { handoffRouter } from './routes/handoff';
import { healthRouter } from './routes/health';
import { integrationsRouter } from './routes/integrations';
import { invoicesRouter } from './routes/invoices';
import { knowledgeBaseRouter } from './routes/knowledge-base';
import { notificationsRouter } from './routes/notifications';
import { phoneNumbersRouter } from './routes/phone-numbers';
import { profileRouter } from './routes/profile';
import { publicRouter } from './routes/public';
import { settingsRouter } from './routes/settings';
import { webhooksRouter } from './routes/webhooks';
import { log } from './utils/logger';
import { attachVoiceSocket } from './websocket/voice';

const app = express();

app.use(cors({ origin: env.corsOrigin, allowedHeaders: ['Content-Type', 'Authorization', 'X-Request-Id', 'X-Org-Id'] }));
app.use(express.json({ limit: '5mb' }));

app.use('/health', healthRouter);
app.use('/api/account', accountRouter);
app.use('/api/agents', agentsRouter);
app.use('/api/analytics', analyticsRouter);
app.use('/api/appointments', appointmentsRouter);
app.use('/api/assistants', assistantsRouter);
app.use('/api/billing', billingRouter);
app.use('/api/calls', callsRouter);
app.use('/api/contacts', contactsRouter);
app.use('/api/dashboard', dashboardRouter);
app.use('/api/google-oauth', googleOauthRouter);
app.use('/api/handoff', handoffRouter);
app.use('/api/integrations', integrationsRouter);
app.use('/api/invoices', invoicesRouter);
app.use('/api/knowledge-base', knowledgeBaseRouter);
app.use('/api/notifications', notificationsRouter);
app.use('/api/phone-numbers', phoneNumbersRouter);
app.use('/api/profile', profileRouter);
app.use('/api/public', publicRouter);
app.use('/api/settings', settingsRouter);
app.use('/api/webhooks', webhooksRouter);

app.use((_req, res) => {
  res.status(404).json({ error: 'Not found' });
});

// Express 4 does not wait for a handler's promise; what it throws synchronously ends here.
app.use((error: Error & { status?: number }, _req: Request, res: Response, _next: NextFunction) => {
  log.error('server', 'request failed', { reason: error.message });
  res.status(error.status ?? 500).json({ error: error.status ? error.message : 'Internal error' });
});

process.on('unhandledRejection', (reason) => {
  log.error('server', 'unhandled rejection', { reason: String(reason) });
});

const server = createServer(app);
attachVoiceSocket(server);

server.listen(env.port, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : env.port;
  console.log(`Front Desk API listening on http://127.0.0.1:${port}`);
});

process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
});
