import { useEffect, useState } from 'react';
import { useAuth } from '@/contexts/AuthContext';
import { api } from '@/lib/api';
import { sessionCache } from '@/lib/cache';

type Call = { id: string; direction: string; seconds: number };

export default function CallsPage() {
  const { session } = useAuth();
  const [calls, setCalls] = useState<Call[]>([]);

  useEffect(() => {
    if (!session) return;
    const cache = sessionCache(session);
    setCalls(cache.get<Call[]>('calls') ?? []);
    api<{ calls: Call[] }>('/api/calls').then((answer) => {
      cache.set('calls', answer.calls);
      setCalls(answer.calls);
    });
  }, [session]);

  return (
    <section>
      <h1 className="mb-4 text-2xl font-semibold">Calls</h1>
      <table className="w-full text-sm">
        <tbody>
          {calls.map((call) => (
            <tr key={call.id} className="border-b border-gray-100">
              <td className="py-2">{call.direction}</td>
              <td>{call.seconds} s</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
