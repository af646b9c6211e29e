import { type ReactNode, useEffect } from 'react';
import { useAuth } from '@/contexts/AuthContext';
import { navigate } from '@/lib/navigation';

const links = [
  ['/dashboard', 'Overview'],
  ['/dashboard/calls', 'Calls'],
  ['/dashboard/invoices', 'Invoices'],
  ['/dashboard/settings', 'Settings'],
] as const;

export default function DashboardLayout({ children }: { children: ReactNode }) {
  const { user, loading, signOut } = useAuth();

  useEffect(() => {
    if (!loading && !user) navigate('/login');
  }, [loading, user]);

  if (loading || !user) return <p className="p-6 text-gray-500">Loading…</p>;

  return (
    <div className="flex min-h-screen">
      <nav className="w-48 border-r border-gray-200 p-4">
        <ul className="flex flex-col gap-2">
          {links.map(([path, title]) => (
            <li key={path}>
              <button type="button" onClick={() => navigate(path)} className="text-left text-blue-700 hover:underline">
                {title}
              </button>
            </li>
          ))}
        </ul>
        <button type="button" onClick={signOut} className="mt-8 text-sm text-gray-500">Sign out</button>
      </nav>
      <main className="flex-1 p-6">{children}</main>
    </div>
  );
}
