// #if client
'use client';

// #endif
__IMPORT__

export default function SettingsPage() {
  return (
    <main className="mx-auto max-w-2xl p-8">
      <h1 className="mb-6 text-2xl font-semibold">Settings</h1>
      <OrganizationForm />
    </main>
  );
}
