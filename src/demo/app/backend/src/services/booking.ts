import { supabase } from '../config/supabase';

type Booking = { clinic?: string; contactId: string; startsAt: string; reason?: string };

/** Books a slot; the voice agent does not always know for which clinic it speaks. */
export async function bookAppointment({ clinic, contactId, startsAt, reason }: Booking) {
  const target = clinic ? clinic : await firstClinic();
  const { data, error } = await supabase
    .from('appointments')
    .insert({ org_id: target, contact_id: contactId, starts_at: startsAt, status: reason ?? 'booked' })
    .select()
    .single();
  if (error) throw new Error(`not booked: ${error.message}`);
  return data;
}

const firstClinic = async (): Promise<string> => {
  const { data: rows } = await supabase.from('organizations').select('id').range(0, 0);
  const [row] = rows ?? [];
  if (!row) throw new Error('no clinic');
  return row.id;
};
