import { useEffect, useState } from 'react';
import { useOrg } from '@/hooks/useOrg';
import { supabase } from '@/lib/supabase';
import type { Database } from '@/types/database.types';

type Invoice = Pick<Database['public']['Tables']['invoices']['Row'], 'id' | 'number' | 'amount' | 'organization_id'>;

export default function InvoicesPage() {
  const { orgId } = useOrg();
  const [invoices, setInvoices] = useState<Invoice[]>([]);

  useEffect(() => {
    const load = () =>
      supabase
        .from('invoices')
        .select('id, number, amount, organization_id')
        .eq('organization_id', orgId)
        .then(({ data }) => setInvoices(data ?? []));
    load();
    const channel = supabase
      .channel('invoices')
      .on('postgres_changes', { event: '*', schema: 'public', table: 'invoices', filter: `organization_id=eq.${orgId}` }, load)
      .subscribe();
    return () => {
      supabase.removeChannel(channel);
    };
  }, [orgId]);

  return (
    <section>
      <h1 className="mb-4 text-2xl font-semibold">Invoices</h1>
      <ul className="flex flex-col gap-1">
        {invoices.map((invoice) => (
          <li key={invoice.id}>
            {invoice.number}: {invoice.amount}
          </li>
        ))}
      </ul>
    </section>
  );
}
