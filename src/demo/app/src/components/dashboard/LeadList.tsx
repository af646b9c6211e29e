import { useEffect, useState } from 'react';
import { useAuth } from '@/contexts/AuthContext';

type Lead = { id: string; name: string; phone: string | null };

export function LeadList() {
  const { user } = useAuth();
  const [leads, setLeads] = useState<Lead[]>([]);
  const metadata = user?.user_metadata as { org_id?: string; name?: string } | undefined;
  const tenant = metadata?.org_id;

  useEffect(() => {
    const headers = new Headers();
    if (tenant) headers.set('x-tenant-id', tenant);
    fetch(`${import.meta.env.VITE_BACKEND_URL}/api/analytics/leads`, { headers })
      .then((response) => response.json())
      .then((answer: { leads: Lead[] }) => setLeads(answer.leads));
  }, [tenant]);

  return (
    <ul className="rounded-lg border border-gray-200 p-4" aria-label={`Leads for ${metadata?.name ?? 'you'}`}>
      {leads.map((lead) => (
        <li key={lead.id}>{lead.name}</li>
      ))}
    </ul>
  );
}
