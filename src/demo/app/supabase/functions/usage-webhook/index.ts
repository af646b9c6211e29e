import { createClient } from 'jsr:@supabase/supabase-js@2';

// Called by the telephony provider once a day with the minutes of each clinic.
Deno.serve(async (request) => {
  const supabase = createClient(Deno.env.get('SUPABASE_URL')!, Deno.env.get('SUPABASE_SERVICE_ROLE_KEY')!);
  const { number, minutes } = await request.json();
  const { data: line } = await supabase.from('phone_numbers').select('org_id').eq('number', number).single();
  const { error } = await supabase
    .from('usage_records')
    .insert({ organization_id: line.org_id, metric: 'minutes', quantity: minutes });
  return Response.json({ recorded: !error }, { status: error ? 400 : 201 });
});
