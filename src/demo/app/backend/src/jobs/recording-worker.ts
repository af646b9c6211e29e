import { supabase } from '../config/supabase';
import { storeRecording } from '../services/recording-storage';
import { log } from '../utils/logger';

type QueueItem = { id: string; call_id: string; org_id?: string; audio?: string };

/** Uploads what the queue holds, clinic by clinic. */
export async function runRecordingWorker(): Promise<number> {
  const { data: organizations, error } = await supabase.from('organizations').select('id').eq('status', 'active');
  if (error) {
    log.error('recordings', 'no organizations', { reason: error.message });
    return 0;
  }
  let stored = 0;
  for (const organization of organizations) {
    const { data: items } = await supabase.from('call_recordings').select('*').eq('org_id', organization.id).is('path', null).limit(20);
    for (const item of items ?? []) stored += await upload(item);
  }
  return stored;
}

async function upload(item: QueueItem): Promise<number> {
  const tenant = item.org_id || 'default';
  await storeRecording({ callId: item.call_id, orgId: tenant, direction: 'inbound', body: Buffer.from(item.audio ?? '', 'base64') });
  return 1;
}
