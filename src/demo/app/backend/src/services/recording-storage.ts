import { supabase } from '../config/supabase';

const bucket = 'call-recordings';

type Recording = { callId: string; orgId?: string; direction: 'inbound' | 'outbound'; body: Buffer };

export async function storeRecording({ callId, orgId, direction, body }: Recording): Promise<string> {
  const folder = orgId || 'default';
  const path = `calls/${folder}/${direction}/${callId}.wav`;
  const { error } = await supabase.storage.from(bucket).upload(path, body, { contentType: 'audio/wav', upsert: true });
  if (error) throw new Error(`recording ${callId} was not stored: ${error.message}`);
  return path;
}

export async function signedRecordingUrl(path: string, orgId: string): Promise<string | null> {
  if (!path.startsWith(`calls/${orgId}/`)) return null;
  const { data } = await supabase.storage.from(bucket).createSignedUrl(path, 300);
  return data?.signedUrl ?? null;
}
