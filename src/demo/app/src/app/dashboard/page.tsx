import { LeadList } from '@/components/dashboard/LeadList';
import { PulseCard } from '@/components/dashboard/PulseCard';
import { useOrg } from '@/hooks/useOrg';

export default function DashboardPage() {
  const { orgId, loading } = useOrg();
  if (loading) return <p className="text-gray-500">Loading…</p>;
  return (
    <section className="flex flex-col gap-4" data-org={orgId}>
      <h1 className="text-2xl font-semibold">Overview</h1>
      <PulseCard />
      <LeadList />
    </section>
  );
}
