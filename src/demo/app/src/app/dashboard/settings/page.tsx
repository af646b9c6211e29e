import { useEffect, useState } from 'react';
import { api } from '@/lib/api';
import { InviteForm } from './components/InviteForm';
import { MembersList, Readers } from './components/MembersList';

type Tab = 'general' | 'team' | 'notifications';

const tabs: { id: Tab; title: string }[] = [
  { id: 'general', title: 'General' },
  { id: 'team', title: 'Team' },
  { id: 'notifications', title: 'Notifications' },
];

type Settings = { name?: string; integrations?: { telephony: boolean } };

export default function SettingsPage() {
  const [tab, setTab] = useState<Tab>('general');
  const [settings, setSettings] = useState<Settings | null>(null);

  useEffect(() => {
    api<Settings>('/api/settings').then(setSettings, () => setSettings({}));
  }, []);

  return (
    <section>
      <h1 className="mb-4 text-2xl font-semibold">Settings</h1>
      <div role="tablist" className="mb-6 flex gap-4 border-b border-gray-200">
        {tabs.map(({ id, title }) => (
          <button
            key={id}
            type="button"
            role="tab"
            aria-selected={tab === id}
            onClick={() => setTab(id)}
            className={`pb-2 ${tab === id ? 'border-b-2 border-blue-600 font-medium' : 'text-gray-500'}`}
          >
            {title}
          </button>
        ))}
      </div>

      {tab === 'general' && (
        <div className="rounded-lg border border-gray-200 p-4">
          <h2 className="font-medium">{settings?.name ?? 'Your clinic'}</h2>
          <p className="text-sm text-gray-500">Organization settings are managed by our support team. Write to us to change them.</p>
        </div>
      )}
      {tab === 'team' && (
        <div className="flex flex-col gap-6">
          <MembersList />
          <InviteForm />
          <Readers />
        </div>
      )}
      {tab === 'notifications' && (
        <div className="rounded-lg border border-gray-200 p-4">
          <p className="text-sm text-gray-500">Telephony is {settings?.integrations?.telephony ? 'connected' : 'not connected'}.</p>
        </div>
      )}
    </section>
  );
}
