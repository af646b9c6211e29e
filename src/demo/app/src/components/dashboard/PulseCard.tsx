import { useEffect, useState } from 'react';
import { useAuth } from '@/contexts/AuthContext';

type Pulse = { total: number; today: number };

export function PulseCard() {
  const { user, session } = useAuth();
  const [pulse, setPulse] = useState<Pulse | null>(null);
  const orgId = (user?.app_metadata?.org_id || user?.user_metadata?.org_id) as string;

  useEffect(() => {
    if (!orgId) return;
    fetch(`${import.meta.env.VITE_BACKEND_URL}/api/analytics/pulse`, {
      headers: { Authorization: `Bearer ${session?.access_token}`, 'x-org-id': orgId },
    })
      .then((response) => response.json())
      .then(setPulse);
  }, [orgId, session]);

  return (
    <div className="rounded-lg border border-gray-200 p-4">
      <p className="text-sm text-gray-500">Calls</p>
      <p className="text-3xl font-semibold">{pulse ? pulse.total : '–'}</p>
    </div>
  );
}
