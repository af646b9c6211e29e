import { useEffect, useState } from 'react';
import DashboardLayout from '@/app/dashboard/layout';
import CallsPage from '@/app/dashboard/calls/page';
import DashboardPage from '@/app/dashboard/page';
import InvoicesPage from '@/app/dashboard/invoices/page';
import SettingsPage from '@/app/dashboard/settings/page';
import LoginPage from '@/app/login/page';
import { AuthProvider } from '@/contexts/AuthContext';
import { Toaster } from '@/lib/toast';
import { onNavigate } from '@/lib/navigation';

const pages: Record<string, () => React.ReactNode> = {
  '/dashboard': () => <DashboardPage />,
  '/dashboard/calls': () => <CallsPage />,
  '/dashboard/invoices': () => <InvoicesPage />,
  '/dashboard/settings': () => <SettingsPage />,
};

export function App() {
  const [path, setPath] = useState(window.location.pathname);
  useEffect(() => onNavigate(setPath), []);
  const page = pages[path];
  return (
    <AuthProvider>
      {page ? <DashboardLayout>{page()}</DashboardLayout> : <LoginPage />}
      <Toaster />
    </AuthProvider>
  );
}
